import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { VolleyError } from '../../src/errors.ts'
import { asVolleyError } from '../../src/http/failures.ts'
import { newId } from '../../src/ids.ts'
import type { NewAction } from '../../src/ledger/actions/insert-actions.ts'
import type { EventOrigin, NewEvent } from '../../src/ledger/events/accept-events.ts'
import { Intake } from '../../src/ledger/intake/intake.ts'
import type { OnceKey } from '../../src/ledger/intake/once.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { eventually } from '../support/eventually.ts'
import { testDatabase } from '../support/servers.ts'

const tenant = randomUUID()
const api: EventOrigin = { tenant, source: 'api', test: false, decides: true }

const event = (fields: Partial<NewEvent> = {}): NewEvent => ({
  id: newId('ev'),
  p: 1,
  kind: 'event',
  userId: 'u-1',
  isAnonymous: false,
  type: 'custom.step.taken',
  data: '{}',
  time: null,
  onceId: null,
  ...fields,
})

const action = (fields: Partial<NewAction> = {}): NewAction => ({
  id: newId('ea'),
  tenant,
  type: 'at_1',
  userId: 'u-1',
  parameters: '{}',
  reasoning: null,
  confidence: null,
  origin: 'api',
  test: false,
  shadow: false,
  lane: '1',
  p: 1,
  scheduledAt: null,
  expiresAt: null,
  expiresAfterMs: 60_000,
  ...fields,
})

const onceKey = (key: string, body = ''): OnceKey => ({
  tenant,
  scope: 'call:live',
  key,
  digest: createHash('sha256').update(body).digest(),
})

describe('what is accepted together', () => {
  let database: Awaited<ReturnType<typeof testDatabase>>
  let ledgers: Ledger[]
  let intakes: Intake[]

  beforeEach(async () => {
    database = await testDatabase()
    ledgers = await Promise.all([1, 2].map(() => Ledger.open({ databaseUrl: database.url, poolMax: 8 })))
    intakes = ledgers.map((ledger) => new Intake(ledger.pool))
  })
  afterEach(async () => {
    await Promise.all(ledgers.map((ledger) => ledger.close()))
    await database.drop()
  })

  const rowsOf = async <T>(text: string): Promise<T[]> => (await ledgers[0]!.pool.query(text)).rows
  const commits = async (column: string, table: string): Promise<number> =>
    (await rowsOf<{ n: number }>(`select count(distinct ${column})::int as n from ${table}`))[0]!.n

  it('shares a commit', async () => {
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => intakes[0]!.events(api, [event({ userId: `u-${i}` })])),
    )
    expect(await commits('xid::text', 'event')).to.be.at.most(4)
    await Promise.all(Array.from({ length: 50 }, () => intakes[0]!.actions([action()], null, () => null)))
    expect(await commits('xmin::text', 'action')).to.be.at.most(4)
  })

  it('keeps apart what requests do not share: tenant, source, mode, whether rules are asked', async () => {
    const other = randomUUID()
    const origins: EventOrigin[] = [
      api,
      { ...api, tenant: other },
      { ...api, source: 'segment' },
      { ...api, test: true },
      { ...api, source: 'import', decides: false },
    ]
    const told = await Promise.all(
      origins.map((origin, i) =>
        intakes[0]!.events(origin, [event({ userId: `u-${i}`, onceId: 'the same' })]),
      ),
    )
    expect(told.map((fresh) => fresh.length)).to.deep.equal([1, 1, 1, 1, 1])
    expect(
      await rowsOf('select user_id, tenant, source, test, decides from event order by user_id'),
    ).to.deep.equal(origins.map((origin, i) => ({ user_id: `u-${i}`, ...origin })))
  })

  it('counts an event once that several requests bring at the same time, and tells the first one so', async () => {
    const told = await Promise.all(
      [1, 2, 3].map((n) => intakes[0]!.events(api, [event({ onceId: 'x', userId: `u-${n}` }), event()])),
    )
    expect(told.map((fresh) => fresh.length)).to.deep.equal([2, 1, 1])
    expect(await rowsOf('select user_id from event where dedupe_id is not null')).to.deep.equal([
      { user_id: 'u-1' },
    ])
  })

  it('fails alone where Postgres refuses what one request says', async () => {
    const told = await Promise.allSettled([
      intakes[0]!.events(api, [event({ onceId: 'a' })]),
      intakes[0]!.events(api, [event({ userId: 'u-2', data: 'no JSON' })]),
      intakes[0]!.events(api, [event({ userId: randomBytes(3_000).toString('hex') })]),
      intakes[0]!.events(api, [event({ userId: 'u-3', onceId: 'b' })]),
    ])
    const ends = ['fulfilled', 'rejected', 'rejected', 'fulfilled']
    expect(told.map(({ status }) => status)).to.deep.equal(ends)
    expect(await rowsOf('select dedupe_id from event order by seq')).to.deep.equal([
      { dedupe_id: 'a' },
      { dedupe_id: 'b' },
    ])
    const asked = await Promise.allSettled(
      [action(), action({ parameters: 'no JSON' }), action()].map((row) =>
        intakes[0]!.actions([row], onceKey(row.id), () => row.id),
      ),
    )
    expect(asked.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled'])
    expect(await commits('id', 'action')).to.equal(2)
  })

  it('is told apart where it is about the same person, also where a visitor becomes a user', async () => {
    const holder = await ledgers[1]!.pool.connect()
    await holder.query('begin')
    await holder.query('lock table event in share mode')
    const waits = (n: number) =>
      eventually(async () => {
        const { rowCount } = await ledgers[1]!.pool.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        )
        expect(rowCount).to.equal(n)
      })
    const first = intakes[0]!.events(api, [event({ userId: 'visitor', isAnonymous: true })])
    await waits(1)
    const join = event({ kind: 'join', userId: 'user', data: '{"previousId":"visitor"}' })
    const later = [join, event({ userId: 'other' })].map((each) => intakes[0]!.events(api, [each]))
    await waits(2)
    await holder.query('commit')
    holder.release()
    await Promise.all([first, ...later])
    const rows = await rowsOf<{ user_id: string }>(
      `select user_id from event where user_id <> 'other' order by xid, seq`,
    )
    expect(rows.map(({ user_id }) => user_id)).to.deep.equal(['visitor', 'user'])
    expect(await commits('xid::text', 'event')).to.equal(3)
  })

  it('is unavailable to all whose commit nobody knows the end of, and each repeat is safe', async () => {
    const holder = await ledgers[1]!.pool.connect()
    await holder.query('begin')
    await holder.query('lock table event in share mode')
    const send = () =>
      Promise.allSettled(
        [1, 2, 3].map((n) => intakes[0]!.events(api, [event({ onceId: `x-${n}`, userId: `u-${n}` })])),
      )
    const sending = send()
    await eventually(async () => {
      const { rowCount } = await ledgers[1]!.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'`,
      )
      expect(rowCount).to.equal(1)
    })
    for (const end of await sending) {
      expect(end.status).to.equal('rejected')
      const error = asVolleyError((end as PromiseRejectedResult).reason)
      expect(error).to.be.instanceOf(VolleyError)
      expect([error.code, error.status]).to.deep.equal(['unavailable', 503])
    }
    await holder.query('commit')
    holder.release()
    const fresh = (await send()).map((end) => (end.status === 'fulfilled' ? end.value.length : null))
    expect(fresh).to.deep.equal([1, 1, 1])
    expect(await commits('dedupe_id', 'event')).to.equal(3)
  })

  it('never waits in a circle where two processes take the same ids in opposite orders', async () => {
    const ids = Array.from({ length: 300 }, (_, n) => `id-${n}`)
    for (let round = 0; round < 10; round++) {
      const events = ids.map((id) => event({ onceId: `${round}-${id}` }))
      const there = intakes[0]!.events(api, events)
      const back = intakes[1]!.events(
        api,
        events.toReversed().map((each) => ({ ...each, id: newId('ev') })),
      )
      const [one, other] = await Promise.all([there, back])
      expect(one.length + other.length).to.equal(ids.length)
      const keys = ids.map((id) => onceKey(`${round}-${id}`))
      const ask = (intake: Intake, order: OnceKey[]) =>
        Promise.all(order.map((once) => intake.actions([action()], once, () => 'done')))
      const told = await Promise.all([ask(intakes[0]!, keys), ask(intakes[1]!, keys.toReversed())])
      expect(told.flat().filter(({ kind }) => kind === 'accepted')).to.have.length(ids.length)
    }
  }).timeout(60_000)

  it('answers requests with one idempotency key alike, and refuses the one that says something else', async () => {
    let answers = 0
    const ask = (intake: Intake, body: string) =>
      intake.actions([action()], onceKey('k', body), () => ({ answer: ++answers }))
    const first = await Promise.all([ask(intakes[0]!, 'a'), ask(intakes[0]!, 'a'), ask(intakes[0]!, 'b')])
    const told = { answer: 1 }
    expect(first).to.deep.equal([
      { kind: 'accepted', answer: told },
      { kind: 'replay', answer: told },
      { kind: 'conflict' },
    ])
    const later = await Promise.all([ask(intakes[1]!, 'b'), ask(intakes[1]!, 'a')])
    expect(later).to.deep.equal([{ kind: 'conflict' }, { kind: 'replay', answer: told }])
    expect(await commits('id', 'action')).to.equal(1)
  })
})
