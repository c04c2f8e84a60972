import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect } from 'chai'

const ROOT = join(import.meta.dirname, '..', '..')

/** Which rooms a room may import from; `*` is every file at the top of src (ids, clock, errors, durations, config, log, redis-url). */
const ALLOWED: Record<string, readonly string[]> = {
  'src/errors.ts': [],
  'src/ids.ts': [],
  'src/clock.ts': ['src/ids.ts'],
  'src/duration.ts': [],
  'src/json-mistake.ts': [],
  'src/log.ts': [],
  'src/redis-url.ts': ['src/errors.ts'],
  'src/config.ts': ['src/duration.ts', 'src/errors.ts', 'src/redis-url.ts'],
  documents: ['*'],
  decisions: ['actors', 'documents', '*'],
  actors: ['actors', 'decisions', 'documents', '*'],
  connectors: ['connectors', '*'],
  dispatch: ['*'],
  mailbox: ['*'],
  ledger: ['actors', 'connectors', 'decisions', 'mikro-orm.config.ts', '*'],
  turn: ['actors', 'decisions', 'documents', 'ledger', 'mailbox', 'dispatch', '*'],
  upkeep: ['actors', 'decisions', 'ledger', 'turn', '*'],
  http: ['actors', 'connectors', 'decisions', 'documents', 'ledger', 'mailbox', 'dispatch', '*'],
  local: ['documents', 'ledger', 'mailbox', '*'],
  demo: ['local', '*'],
  command: [
    'actors',
    'connectors',
    'decisions',
    'documents',
    'ledger',
    'http',
    'local',
    'demo',
    'src/app.ts',
    '*',
  ],
  'mikro-orm.config.ts': ['ledger', '*'],
  'src/app.ts': ['decisions', 'dispatch', 'documents', 'http', 'ledger', 'mailbox', 'turn', 'upkeep', '*'],
  'src/main.ts': ['command', '*'],
}

/** Packages that belong to one room alone. */
const OWNED: Record<string, RegExp> = {
  pg: /^ledger$/,
  '@mikro-orm/core': /^(ledger|mikro-orm\.config\.ts)$/,
  '@mikro-orm/postgresql': /^(ledger|mikro-orm\.config\.ts)$/,
  '@mikro-orm/migrations': /^(ledger|mikro-orm\.config\.ts)$/,
  ioredis: /^mailbox$/,
  undici: /^dispatch$/,
  koa: /^http$/,
  '@koa/router': /^http$/,
  'json-logic-js': /^documents$/,
  commander: /^(command|src\/main\.ts)$/,
}

/** Files of the ledger's room that hold values and rules and reach no server. */
const PURE_LEDGER = new Set([
  'person-key.ts',
  'placement.ts',
  'report-row.ts',
  'spending-key.ts',
  'timers.ts',
  'transaction.ts',
  'version-mismatch.ts',
])

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
}

function roomOf(file: string): string {
  const parts = file.split('/')
  if (parts[0] === 'actors') return 'actors'
  if (parts[0] !== 'src') return file
  return parts.length > 2 ? parts[1]! : file
}

const files = [...sources('src'), ...sources('actors'), 'mikro-orm.config.ts']
const imports = files.flatMap((file) => {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)]
  return found.map(([, target]) => ({ file, target: target! }))
})

describe('imports', () => {
  it('go one way between the rooms', () => {
    const wrong = imports.flatMap(({ file, target }) => {
      if (!target.startsWith('.')) return []
      const room = roomOf(file)
      const other = roomOf(relative(ROOT, resolve(ROOT, dirname(file), target)))
      const isTop = /^src\/(errors|ids|clock|duration|json-mistake|log|redis-url|config)\.ts$/.test(other)
      const allowed = ALLOWED[room] ?? []
      const isFine = room === other || allowed.includes(other) || (allowed.includes('*') && isTop)
      return isFine ? [] : [`${file} imports ${target}`]
    })
    expect(wrong).to.deep.equal([])
  })

  it('of a package come from the one room that speaks to what is behind it', () => {
    const wrong = imports.filter(({ file, target }) => target in OWNED && !OWNED[target]!.test(roomOf(file)))
    expect(wrong).to.deep.equal([])
  })

  it('leave time, chance and the ledger of a worker to its ports', () => {
    for (const file of files.filter((each) => each.startsWith('src/turn/'))) {
      const text = readFileSync(join(ROOT, file), 'utf8')
      expect(text, file).to.not.match(
        /Date\.now|performance\.now|Math\.random|new Date\(\)|set(Timeout|Interval|Immediate)\(/,
      )
      const values = [...text.matchAll(/^import (?!type )[^']*'\.\.\/ledger\/(?:[a-z]+\/)?([^']+)'/gm)].map(
        ([, name]) => name!,
      )
      expect(
        values.filter((name) => !PURE_LEDGER.has(name)),
        file,
      ).to.deep.equal([])
    }
  })

  it('leave the environment to config.ts, and clock and chance out of what is pure', () => {
    for (const file of files) {
      const text = readFileSync(join(ROOT, file), 'utf8')
      if (file !== 'src/config.ts') expect(text, file).to.not.match(/process\.env/)
      if (/^(actors|src\/decisions|src\/connectors)\//.test(file))
        expect(text, file).to.not.match(/Date\.now|Math\.random|performance\.now|await |new Date\(\)/)
    }
  })
})
