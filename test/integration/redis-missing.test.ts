import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { findRedis } from '../../src/local/redis.ts'
import { temporaryHome } from '../support/servers.ts'

/** A PATH of one folder with what a shell script needs, and no Redis. */
function pathWithout(): string {
  const bin = join(temporaryHome(), 'bin')
  mkdirSync(bin)
  for (const program of ['sh', 'ln', 'cat'])
    symlinkSync(
      execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim(),
      join(bin, program),
    )
  return bin
}

/** Where Redis really is on this machine; the tests' own servers have made sure that it is. */
const realRedis = () =>
  findRedis({ path: process.env.PATH ?? '', isRoot: process.getuid?.() === 0, say: () => undefined })

/** An apt-get that takes exactly what it should be given, in that order, and then has Redis installed. */
function aptGet(bin: string): string {
  const log = join(bin, 'log')
  const script = `#!/bin/sh
echo "$* $DEBIAN_FRONTEND $RUNLEVEL" >> ${log}
case "$*" in
  update) ;;
  "install -y redis-server") grep -q '^update' ${log} || exit 3; ln -s ${realRedis()} ${bin}/redis-server ;;
  *) exit 4 ;;
esac
`.replace(
    "grep -q '^update'",
    `[ -f ${log} ] && read first < ${log} && [ "\${first%% *}" = update ] || exit 3; true`,
  )
  writeFileSync(join(bin, 'apt-get'), script)
  chmodSync(join(bin, 'apt-get'), 0o755)
  return log
}

describe('a machine without Redis', () => {
  it('gets it from its package manager where that works without asking, and is told so', () => {
    const bin = pathWithout()
    const log = aptGet(bin)
    const said: string[] = []
    const found = findRedis({ path: bin, usualFolders: [], isRoot: true, say: (line) => said.push(line) })
    expect(found).to.equal(join(bin, 'redis-server'))
    expect(said).to.deep.equal(['Redis is not installed: installing redis-server with apt-get'])
    expect(readFileSync(log, 'utf8')).to.equal(
      'update noninteractive 1\ninstall -y redis-server noninteractive 1\n',
    )
  })

  it('is told the line to type where it would have to ask', () => {
    const bin = pathWithout()
    aptGet(bin)
    const find = () => findRedis({ path: bin, usualFolders: [], isRoot: false, say: () => undefined })
    expect(find).to.throw('Redis is not installed. Type: sudo apt-get install -y redis-server')
  })

  it('is told what is needed where there is no package manager either', () => {
    const find = () =>
      findRedis({ path: pathWithout(), usualFolders: [], isRoot: true, say: () => undefined })
    expect(find).to.throw(
      /Redis is not installed\. Type: install redis-server 7\.0 or later, or set REDIS_URL/,
    )
  })

  it('is told when what it has is too old', () => {
    const bin = pathWithout()
    writeFileSync(join(bin, 'redis-server'), '#!/bin/sh\necho "Redis server v=6.2.7 sha=0"\n')
    chmodSync(join(bin, 'redis-server'), 0o755)
    const find = () => findRedis({ path: bin, isRoot: true, say: () => undefined })
    expect(find).to.throw(/redis-server is 6\.2\.7; Volley needs Redis 7\.0 or later/)
  })

  it('takes Valkey as well', () => {
    const bin = pathWithout()
    writeFileSync(join(bin, 'valkey-server'), '#!/bin/sh\necho "Valkey server v=8.0.1 sha=0"\n')
    chmodSync(join(bin, 'valkey-server'), 0o755)
    expect(findRedis({ path: bin, isRoot: true, say: () => undefined })).to.equal(join(bin, 'valkey-server'))
  })
})
