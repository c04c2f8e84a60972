import { expect } from 'chai'
import fc from 'fast-check'
import type { CanonicalItem, Source } from '../../src/connectors/canonical.ts'
import { connect } from '../../src/connectors/connect.ts'
import { requestOf } from '../support/connector.ts'
import { Installation } from '../support/installation.ts'
import { BODIES, mutated } from '../support/vendor-bodies.ts'

const RUNS = { numRuns: 150 }

describe('POST /api/connectors, whatever it is sent', () => {
  let here: Installation

  before(async () => {
    here = await Installation.start()
  })
  after(() => here.stop())

  const rows = async () =>
    (await here.ledger.pool.query('select kind from event')).rows.map(({ kind }): string => kind)

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
