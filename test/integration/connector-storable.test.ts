import { expect } from 'chai'
import fc from 'fast-check'
import type { CanonicalItem, Source } from '../../src/connectors/canonical.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { answerTo } from '../support/connector.ts'
import { testDatabase } from '../support/servers.ts'
import { BODIES, mutated } from '../support/vendor-bodies.ts'

const SOURCES: readonly Source[] = ['segment', 'posthog', 'mixpanel']

describe('what a connector takes', () => {
  let database: { url: string; drop(): Promise<void> }
  let ledger: Ledger

  before(async () => {
    database = await testDatabase()
    ledger = await Ledger.open({ databaseUrl: database.url, poolMax: 2 })
  })
  after(async () => {
    await ledger.close()
    await database.drop()
  })

  /** The items as Postgres gives them back from jsonb. */
  const storedAndRead = async (items: readonly CanonicalItem[]): Promise<unknown> => {
    const { rows } = await ledger.pool.query<{ item: unknown }>(
      'select item::jsonb as item from unnest($1::text[]) with ordinality as x(item, ord) order by ord',
      [items.map((item) => JSON.stringify(item))],
    )
    return rows.map(({ item }) => item)
  }

  for (const source of SOURCES)
    it(`of ${source} comes back from Postgres as it was, whatever was sent`, async () => {
      const texts = fc.sample(mutated(BODIES[source]), 2_000)
      const items = texts.flatMap((text) => {
        const answer = answerTo(source, text)
        return answer.kind === 'normalised' ? answer.items : []
      })
      expect(items).to.have.length.above(1_000)
      // JSON has no negative zero.
      expect(await storedAndRead(items)).to.deep.equal(JSON.parse(JSON.stringify(items)))
    })
})
