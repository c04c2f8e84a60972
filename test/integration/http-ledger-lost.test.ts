import { expect } from 'chai'
import { startWeb } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { createKey } from '../../src/ledger/tenants/keys.ts'
import { createLog } from '../../src/log.ts'
import { migrated, privatePostgres, testRedis } from '../support/servers.ts'

describe('a web process whose ledger is gone', () => {
  it('answers 503 with when to repeat, at its health check too, and says nothing of the ledger', async () => {
    const postgres = await privatePostgres()
    await migrated(postgres.url)
    const ledger = await Ledger.open({ databaseUrl: postgres.url, poolMax: 1 })
    const { key } = await createKey(ledger, { tenant: 'acme', mode: 'live' })
    await ledger.close()
    const config = readConfig({
      DATABASE_URL: postgres.url,
      REDIS_URL: (await testRedis()).url,
      VOLLEY_SECRET_KEY: 'ab'.repeat(32),
      HOST: '127.0.0.1',
      PORT: '0',
    })
    const web = await startWeb(config, createLog({ level: 'silent', name: 'web' }))
    const get = (path: string) => fetch(web.url + path, { headers: { authorization: `Bearer ${key}` } })
    try {
      expect((await get('/healthz')).status).to.equal(200)
      expect((await get('/api/external/action-types')).status).to.equal(200)
      await postgres.stop()
      for (const path of ['/healthz', '/api/external/action-types', '/api/external/actions']) {
        const answer = await get(path)
        const body: any = await answer.json()
        expect([answer.status, body.code], path).to.deep.equal([503, 'unavailable'])
        expect(answer.headers.get('retry-after')).to.equal('1')
        expect(JSON.stringify(body)).to.not.match(/ECONN|select|127\.0\.0\.1/)
      }
      expect((await get('/api/openapi.json')).status).to.equal(200)
    } finally {
      await web.close()
    }
  })
})
