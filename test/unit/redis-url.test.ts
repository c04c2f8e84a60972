import { expect } from 'chai'
import { readConfig, redacted } from '../../src/config.ts'
import { parseRedisUrl, shownRedisUrl } from '../../src/redis-url.ts'

const one = { kind: 'server', isTls: false, username: null, password: null, database: 0 }

describe('REDIS_URL', () => {
  it('names one server, with TLS, user, password and database where it says so', () => {
    expect(parseRedisUrl('redis://cache')).to.deep.equal({ ...one, nodes: [{ host: 'cache', port: 6379 }] })
    expect(parseRedisUrl('rediss://me:p%40ss@[::1]:7000/3')).to.deep.equal({
      kind: 'server',
      isTls: true,
      username: 'me',
      password: 'p@ss',
      database: 3,
      nodes: [{ host: '::1', port: 7000 }],
    })
  })

  it('names a cluster by several nodes, or by one that says so', () => {
    const nodes = [
      { host: 'a', port: 7000 },
      { host: 'b', port: 6379 },
    ]
    expect(parseRedisUrl('redis://a:7000,redis://b')).to.deep.equal({ ...one, kind: 'cluster', nodes })
    expect(parseRedisUrl('redis://a:7000/?cluster=true')).to.deep.equal({
      ...one,
      kind: 'cluster',
      nodes: [nodes[0]],
    })
    expect(parseRedisUrl('redis://a:7000?cluster=false').kind).to.equal('server')
  })

  it('lets the first node speak for the others, and keeps the comma of a password', () => {
    const { username, password, nodes } = parseRedisUrl('rediss://u:p,w@a, rediss://b , rediss://c:1')
    expect({ username, password }).to.deep.equal({ username: 'u', password: 'p,w' })
    expect(nodes.map(({ host }) => host)).to.deep.equal(['a', 'b', 'c'])
  })

  const mistakes: [string, RegExp][] = [
    ['localhost:6379', /expected redis:\/\/\[user:password@\]host\[:port\]\[\/database\], or rediss:\/\//],
    ['http://s3cret@a', /expected redis:/],
    ['redis://', /no host in it/],
    ['redis://:s3cret@a:port', /expected redis:/],
    ['redis://a,redis://s3cret@', /expected redis:|no host/],
    ['redis://a,rediss://b', /expected redis:\/\/ for all nodes of a cluster, or rediss:\/\/ for all/],
    ['redis://x:s3cret@a,redis://x:other@b', /expected one password for all nodes/],
    ['redis://:s3cret%@a', /its password has a "%"/],
    ['redis://a/cache', /expected nothing after the host but the number of a database/],
    ['redis://a/1,redis://b/1', /a cluster has no database 1, only 0/],
    ['redis://a?cluster=1', /expected true or false after \?cluster=/],
    ['redis://a?tls=s3cret', /a parameter is not known; the only one is \?cluster=true/],
    ['redis://u:1/s3cret@a', /expected nothing after the host/],
    ['redis://u:1?s3cret@a', /a parameter is not known/],
  ]
  for (const [text, expected] of mistakes) {
    it(`${text.replace('s3cret', '…')} is refused with what was expected, and without its password`, () => {
      expect(() => readConfig({ REDIS_URL: text }))
        .to.throw(expected)
        .with.property('code', 'config_invalid')
      expect(() => readConfig({ REDIS_URL: text })).to.not.throw(/s3cret/)
    })
  }

  it('is shown without user and password, each of them', () => {
    const text = 'rediss://u:p/w@x@a:1/2,rediss://u:secret@b'
    expect(shownRedisUrl(text)).to.equal('rediss://…@a:1/2,rediss://…@b')
    const shown = redacted(readConfig({ REDIS_URL: 'redis://:top,secret@a,redis://b?cluster=true' }))
    expect(shown.redisUrl).to.equal('redis://…@a,redis://b?cluster=true')
  })
})

describe('the files of a rediss:// REDIS_URL', () => {
  const refused = (env: Record<string, string>) => {
    try {
      readConfig(env)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }

  it('are refused where they cannot be read or used, or half is missing', () => {
    expect(refused({ REDIS_CA_FILE: '/nowhere.pem' })).to.match(/^REDIS_CA_FILE="\/nowhere.pem": .*ENOENT/)
    expect(refused({ REDIS_CA_FILE: import.meta.filename })).to.match(/^REDIS_CA_FILE: expected PEM/)
    expect(refused({ REDIS_CERT_FILE: import.meta.filename })).to.match(/expected both, or neither/)
    expect(refused({ REDIS_CERT_FILE: import.meta.filename, REDIS_KEY_FILE: import.meta.filename })).to.match(
      /^REDIS_CERT_FILE and REDIS_KEY_FILE: expected PEM/,
    )
  })
})
