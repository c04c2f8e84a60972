import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import type { CanonicalItem, Source } from '../../src/connectors/canonical.ts'
import { connect } from '../../src/connectors/connect.ts'
import { requestOf } from '../support/connector.ts'
import { Installation } from '../support/installation.ts'
import { BODIES, mutated } from '../support/vendor-bodies.ts'

const RUNS = { numRuns: 150 }

/** Bytes that are hardly ever a body, as whoever knows no key may send them. */
const noise = fc.record({
  path: fc.constantFrom(
    '/v1/batch',
    '/v1/page',
    '/batch/',
    '/capture/',
    '/i/v1/analytics/events',
    '/track',
    '/import',
    '/engage',
  ),
  type: fc.constantFrom(
    'application/json',
    'application/x-www-form-urlencoded',
    'application/x-ndjson',
    'text/plain',
    'x',
  ),
  coding: fc.constantFrom('', 'identity', 'gzip', 'deflate', 'br', 'zstd'),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc.json().map((text) => gzipSync(text)),
    fc.json().map((text) => Buffer.from(`data=${encodeURIComponent(text)}`)),
    fc.base64String().map((text) => Buffer.from(`data=${text}`)),
  ),
  authorization: fc.constantFrom(null, 'Bearer x', 'Basic eA==', 'Basic', 'Digest x'),
})

describe('POST /api/connectors, whatever it is sent', () => {
  let here: Installation

  before(async () => {
    here = await Installation.start()
  })
  after(() => here.stop())

  const rows = async () =>
    (await here.ledger.pool.query('select kind from event')).rows.map(({ kind }): string => kind)

  it('answers bytes without a key with what is wrong with them', async () => {
    const property = fc.asyncProperty(noise, async ({ path, type, coding, bytes, authorization }) => {
      const answer = await fetch(here.url + path, {
        method: 'POST',
        headers: {
          'content-type': type,
          ...(coding === '' ? {} : { 'content-encoding': coding }),
          ...(authorization === null ? {} : { authorization }),
        },
        body: bytes,
      })
      expect(answer.status).to.be.oneOf([400, 401, 415])
      expect(((await answer.json()) as { error: string }).error).to.match(/^\S.{10,}/s)
    })
    await fc.assert(property, { numRuns: 300 })
    expect(await rows()).to.be.empty
  })

  for (const source of ['segment', 'posthog', 'mixpanel'] as const satisfies Source[]) {
    it(`answers ${source} with what was kept, all of it, or with a reason and nothing kept`, async () => {
      const known = new Set<string>()
      const isNew = (item: CanonicalItem) => {
        if (!('dedupeId' in item) || item.dedupeId === null) return true
        const key = `${item.kind} ${item.dedupeId}`
        return !known.has(key) && known.add(key) !== undefined
      }
      const property = fc.asyncProperty(mutated(BODIES[source]), async (text) => {
        const before = await rows()
        const { status, body } = await here.call('POST', `/api/connectors/${source}`, text)
        const after = await rows()
        const said = connect(source, requestOf(text), { receivedAt: Date.now(), isLive: true })
        const items = said.kind === 'refused' ? [] : said.items.filter(isNew)
        // All that the connector reads and that is new, or nothing.
        expect(after.length - before.length).to.equal(items.length)
        expect(status).to.be.oneOf([200, 400])
        if (status === 400) {
          expect(items).to.be.empty
          expect(body.error?.message ?? body.error).to.match(/^\S.{10,}/s)
          if (body.code === 'no_usable_event') expect(body.details).to.not.be.empty
        } else if (body.action === undefined) {
          expect(body.accepted).to.equal(items.filter(({ kind }) => kind === 'event').length)
          const rejected = said.kind === 'refused' ? 0 : said.rejected.length
          expect(body.rejected?.length ?? 0).to.equal(Math.min(rejected, 20))
        }
      })
      await fc.assert(property, RUNS)
    })
  }
})
