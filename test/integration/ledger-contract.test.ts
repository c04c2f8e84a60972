import { expect } from 'chai'
import type { ActionState } from '../../actors/action.ts'
import { type Person, unknownPerson } from '../../actors/person.ts'
import { SLEEP_LANE } from '../../src/ledger/actions/timers.ts'
import type { TakenStep, Transition } from '../../src/ledger/actions/transitions.ts'
import { spendingKey } from '../../src/ledger/decisions/spending-key.ts'
import type { PassedRow } from '../../src/ledger/people/people.ts'
import { personKey } from '../../src/ledger/people/person-key.ts'
import { VersionMismatch } from '../../src/ledger/version-mismatch.ts'
import { noEvents } from '../../src/turn/decide-for.ts'
import type { OwnershipSession, TurnTx } from '../../src/turn/ports.ts'
import { modelUnderTest } from '../sim/model-under-test.ts'
import { eventually } from '../support/eventually.ts'
import type { LedgerUnderTest } from '../support/ledger-under-test.ts'
import { postgresUnderTest } from '../support/postgres-under-test.ts'

const BEAT_MS = 60_000
const event = (n: number) => `ev_${String(n).padStart(26, '0')}`
const id = (n: number) => `ea_${String(n).padStart(26, '0')}`

/** What an action becomes when a POST of it failed and is tried again at `nextAt`. */
function retrying(
  before: ActionState & { id?: string },
  nextAt: number,
): { next: ActionState; steps: TakenStep[] } {
  const next: ActionState = {
    ...before,
    status: 'retrying',
    version: before.version + 1,
    attempt: before.attempt + 1,
    nextAt,
  }
  const step: TakenStep = {
    version: next.version,
    kind: 'result',
    from: before.status,
    to: 'retrying',
    attempt: next.attempt,
    detail: { http_status: 503 },
    after: next,
  }
  return { next, steps: [step] }
}

for (const [name, make] of [
  ['the model of the simulation', modelUnderTest],
  ['Postgres', postgresUnderTest],
] as const) {
  describe(`the contract of the ledger, kept by ${name}`, function () {
    this.timeout(60_000)
    let under: LedgerUnderTest
    let sessions: OwnershipSession[]
    let workers = 0
    beforeEach(async () => {
      under = await make()
      sessions = []
    })
    afterEach(async () => {
      for (const session of sessions) await session.end().catch(() => undefined)
      await under.close()
    })

    const open = async (): Promise<OwnershipSession> => {
      const session = await under.ledger.openSession(() => undefined)
      sessions.push(session)
      return session
    }
    /** A worker that lives and owns everything that is free. */
    const live = async (options: { beatMs?: number; claims?: number } = {}) => {
      const worker = `w_${++workers}`
      const session = await open()
      await session.register({ id: worker, beatMs: options.beatMs ?? BEAT_MS })
      await session.claim(worker, options.claims ?? 64)
      return { worker, session }
    }
    const insert = (
      ...actions: { n: number; p?: number; lane?: string; dueInMs?: number; expiresInMs?: number }[]
    ) =>
      under.insert(
        actions.map(({ n, p = 1, lane = '7', dueInMs = -10, expiresInMs = 600_000 }) => ({
          id: id(n),
          p,
          lane,
          dueInMs,
          expiresInMs,
        })),
      )
    const turn = <T>(worker: string, body: (tx: TurnTx) => Promise<T>) =>
      under.ledger.inTurn(worker, (tx) => body(tx))
    const notification = (n: number) => ({
      id: id(n),
      tenant: '00000000-0000-0000-0000-000000000001',
      type: 'we_contract',
      userId: 'u1',
      parameters: '{"id":"evt_1","body":{}}',
      reasoning: null,
      confidence: null,
      origin: 'event:custom.told',
      test: false,
      shadow: false,
      lane: '7',
      p: 1,
      scheduledAt: null,
      expiresAt: null,
      expiresAfterMs: 60_000,
    })
    const nothing = { broken: [], reports: [], applied: [], notifications: [], notices: [] }
    const transition = async (n: number, nextAt: number, before?: ActionState): Promise<Transition> => {
      const state = before ?? (await under.state(id(n)))
      return { id: id(n), p: 1, lane: '7', before: state, ...retrying(state, nextAt) }
    }
    const walk = async (limit: number, after = SLEEP_LANE, partitions = [1, 2]) =>
      (
        await under.ledger.walkLanes(
          partitions.map((p) => ({ p, lane: after })),
          limit,
        )
      ).map(({ p, lane }) => `${p}:${lane}`)
    const due = async (room: number, after: { at: number; id: string } | null = null, lane = '7') =>
      (await under.ledger.dueInLanes([{ p: 1, lane, room, after }])).map((row) => Number(row.id.slice(3)))

    describe('a turn', () => {
      it('is told the time and what its worker owns', async () => {
        const { worker } = await live({ claims: 3 })
        const end = await under.ledger.inTurn(worker, async (_tx, fence) => fence)
        expect(end.kind).to.equal('committed')
        if (end.kind !== 'committed') return
        expect(end.value.partitions).to.deep.equal([0, 1, 2])
        expect(end.value.now).to.be.within((await under.now()) - 5_000, await under.now())
        expect(end.value.now % 1).to.equal(0)
      })

      it('is not for those who never registered, nor for the buried', async () => {
        const dead = await live({ beatMs: 1 })
        const other = await live()
        await eventually(async () => expect(await other.session.bury(dead.worker)).to.equal(true))
        for (const worker of ['w_nobody', dead.worker]) {
          const end = await turn(worker, () => Promise.reject(new Error('the body was run')))
          expect(end).to.deep.equal({ kind: 'buried' })
        }
      })

      it('keeps its worker from being buried until it has ended', async () => {
        const { worker } = await live({ beatMs: 1 })
        const other = await live()
        await under.wait(10)
        const order: string[] = []
        const [end] = await Promise.all([
          turn(worker, async () => {
            await under.wait(400)
            order.push('turn')
          }),
          under.wait(100).then(async () => {
            await other.session.bury(worker)
            order.push('buried')
          }),
        ])
        expect(end.kind).to.equal('committed')
        expect(order).to.deep.equal(['turn', 'buried'])
      })

      it('that throws has written nothing', async () => {
        const { worker } = await live()
        await insert({ n: 1 })
        const before = await under.state(id(1))
        const thrown = await turn(worker, async (tx) => {
          await tx.writeActions({
            transitions: [await transition(1, before.nextAt! + 1_000, before)],
            ...nothing,
          })
          throw new Error('no')
        }).catch((error) => error)
        expect(thrown).to.be.an('error').with.property('message', 'no')
        expect(await under.state(id(1))).to.deep.equal(before)
        expect(await under.history(id(1))).to.deep.equal([])
      })

      it('writes actions, the history of what it wrote, and moves their timers', async () => {
        const { worker } = await live()
        await insert({ n: 1 })
        const before = await under.state(id(1))
        const nextAt = before.nextAt! + 5_000
        const moved = await transition(1, nextAt)
        await turn(worker, (tx) => tx.writeActions({ transitions: [moved], ...nothing }))
        expect(await under.state(id(1))).to.deep.equal({
          ...before,
          status: 'retrying',
          version: 1,
          attempt: 1,
          nextAt,
        })
        expect(await under.history(id(1))).to.deep.equal(
          moved.steps.map(({ after: _after, ...step }) => step),
        )
        expect(await under.timers(id(1))).to.deep.equal([nextAt])
      })

      it('inserts what endpoints are told with the transition, and not without it', async () => {
        const { worker } = await live()
        await insert({ n: 1 })
        const before = await under.state(id(1))
        const moved = await transition(1, before.nextAt! + 5_000)
        const told = (n: number) => [notification(n)]
        await turn(worker, (tx) =>
          tx.writeActions({ ...nothing, transitions: [moved], notifications: told(2) }),
        )
        expect((await under.state(id(2))).status).to.equal('pending')
        const again = await turn(worker, (tx) =>
          tx.writeActions({ ...nothing, transitions: [moved], notifications: told(3) }),
        ).catch((error: unknown) => error)
        expect(again).to.be.instanceOf(VersionMismatch)
        expect(await under.state(id(3)).catch(() => 'none')).to.equal('none')
      })

      it('tells the actor of a user what came of an action with its end, and not without it', async () => {
        const { worker } = await live()
        await insert({ n: 1 })
        const before = await under.state(id(1))
        const moved = await transition(1, before.nextAt! + 5_000)
        const reports = (n: number): PassedRow[] => [
          {
            id: event(n),
            p: 1,
            tenant: '00000000-0000-0000-0000-000000000001',
            kind: 'report',
            userId: 'u1',
            type: '$report',
            data: { id: id(1), status: 'failed' },
            time: 1_000,
            source: 'volley',
            test: false,
            decides: false,
          },
        ]
        const write = (n: number) =>
          turn(worker, (tx) =>
            tx.writeActions({ ...nothing, transitions: [moved], reports: reports(n) }),
          ).catch((error: unknown) => error)
        await write(1)
        expect(await write(2)).to.be.instanceOf(VersionMismatch)
        const told = await eventually(async () => {
          const end = await turn(worker, (tx) => tx.events([1], 10))
          expect(end.kind === 'committed' && end.value.every(({ isReady }) => isReady)).to.equal(true)
          return end.kind === 'committed' ? end.value : []
        })
        expect(told.map((row) => [row.id, row.kind, row.data])).to.deep.equal([
          [event(1), 'report', { id: id(1), status: 'failed' }],
        ])
      })

      it('spends a budget one after the other', async () => {
        const [first, second] = [await live(), await live()]
        const ask = { tenant: '00000000-0000-0000-0000-000000000001', domain: 'loyalty', days: 30 }
        const spend = ({ worker }: typeof first, usd: number) =>
          turn(worker, async (tx) => {
            const spent = (await tx.budgets([ask])).get(spendingKey(ask))!
            await under.wait(30)
            await tx.writeEvents({ ...noEvents([]), spends: spent + usd > 10 ? [] : [{ ...ask, usd }] })
            return spent
          })
        const ends = await Promise.all([spend(first, 6), spend(second, 6), spend(first, 6)])
        const seen = ends.map((end) => (end.kind === 'committed' ? end.value : null))
        expect([...seen].sort()).to.deep.equal([0, 6, 6])
      })

      it('keeps notices for their partition until all that want to hear of them were told', async () => {
        const { worker } = await live()
        const notice = (n: number, p: number) => ({
          p,
          id: `evt_${n}`,
          type: 'custom.told',
          tenant: '00000000-0000-0000-0000-000000000001',
          userId: 'u1',
          at: 1_800_000_000_123,
          data: { n },
          endpoints: n === 1 ? ['we_1', 'we_2'] : null,
        })
        const notices = [notice(1, 1), notice(2, 2), notice(3, 1)]
        await turn(worker, (tx) => tx.writeActions({ ...nothing, transitions: [], notices }))
        const read = async (partitions: number[], limit = 10) => {
          const end = await turn(worker, (tx) => tx.notices(partitions, limit))
          return end.kind === 'committed' ? end.value : []
        }
        const plain = ({ seq: _seq, ...rest }: { seq: string }) => rest
        expect((await read([1])).map(plain)).to.deep.equal([notices[0], notices[2]])
        expect((await read([1, 2], 2)).map(({ id }) => id)).to.deep.equal(['evt_1', 'evt_2'])
        const [first, , third] = await read([1, 2])
        const left = [{ seq: first!.seq, endpoints: ['we_2'] }]
        await turn(worker, (tx) =>
          tx.writeNotices({ notifications: [notification(4)], left, done: [third!.seq] }),
        )
        expect((await read([1, 2])).map(({ id, endpoints }) => [id, endpoints])).to.deep.equal([
          ['evt_1', ['we_2']],
          ['evt_2', null],
        ])
        expect((await under.state(id(4))).status).to.equal('pending')
      })

      it('writes nothing at all where one row has another version than was expected', async () => {
        const { worker } = await live()
        await insert({ n: 1 }, { n: 2 })
        const [first, second] = [await transition(1, Date.now()), await transition(2, Date.now())]
        const wrong = { ...second, before: { ...second.before, version: 7 } }
        const thrown = await turn(worker, (tx) =>
          tx.writeActions({ transitions: [first, wrong], ...nothing }),
        ).catch((e) => e)
        expect(thrown).to.be.instanceOf(VersionMismatch)
        expect((await under.state(id(1))).version).to.equal(0)
      })

      it('writes nothing where a row has the expected version and another due time', async () => {
        const { worker } = await live()
        await insert({ n: 1 })
        const stale = await transition(1, Date.now())
        const wrong = { ...stale, before: { ...stale.before, nextAt: stale.before.nextAt! - 1 } }
        const thrown = await turn(worker, (tx) =>
          tx.writeActions({ transitions: [wrong], ...nothing }),
        ).catch((e) => e)
        expect(thrown).to.be.instanceOf(VersionMismatch)
      })

      it('undoes bad data alone, where it is told to try', async () => {
        const { worker } = await live()
        await insert({ n: 1 }, { n: 2 })
        const [good, bad] = [await transition(1, (await under.now()) + 1_000), await transition(2, 0)]
        bad.next = { ...bad.next, attempt: 3_000_000_000 }
        const end = await turn(worker, async (tx) => {
          const refused = await tx.trying(() => tx.writeActions({ transitions: [bad], ...nothing }))
          await tx.writeActions({ transitions: [good], ...nothing })
          return refused
        })
        expect(end.kind === 'committed' && end.value).to.have.property('code', '22003')
        expect((await under.state(id(1))).version).to.equal(1)
        expect((await under.state(id(2))).version).to.equal(0)
      })

      it('takes an action out of every lane where it is told to', async () => {
        const { worker } = await live()
        await insert({ n: 1 })
        await turn(worker, async (tx) => {
          const [row] = await tx.rows([id(1)])
          await tx.stopTimers(row!)
        })
        expect(await under.timers(id(1))).to.deep.equal([])
        expect(await walk(10)).to.deep.equal([])
      })

      it('reads what is overdue, the earliest first, so many of each partition', async () => {
        const { worker } = await live()
        await insert(
          { n: 1, expiresInMs: -1 },
          { n: 2, expiresInMs: -5 },
          { n: 3, expiresInMs: -3 },
          { n: 4 },
          { n: 5, p: 2, expiresInMs: -1 },
          { n: 6, p: 3, expiresInMs: -1 },
        )
        const end = await turn(worker, (tx) => tx.overdue([1, 2], 2))
        expect(end.kind === 'committed' && end.value.map((row) => row.id).sort()).to.deep.equal([
          id(2),
          id(3),
          id(5),
        ])
      })
    })

    describe('facts', () => {
      it('of an outcome are one, whoever was first', async () => {
        await insert({ n: 1 })
        const said = await Promise.all([under.report(id(1), 'completed'), under.report(id(1), 'rejected')])
        expect(said.filter(Boolean)).to.have.length(1)
        expect(await under.report(id(1), 'completed')).to.equal(false)
      })

      it('are read in their order, those of some actions left out, so many at a time, until they were applied', async () => {
        const { worker } = await live()
        await insert({ n: 1 }, { n: 2 }, { n: 3, p: 2 })
        await under.ask(id(1), 'cancel')
        await under.report(id(2), 'completed')
        await under.report(id(3), 'completed')
        await under.report(id(1), 'rejected')
        const kinds = async (partitions: number[], except: string[], limit: number) => {
          const end = await turn(worker, (tx) => tx.facts(partitions, except, limit))
          return end.kind === 'committed'
            ? end.value.map((fact) => `${Number(fact.actionId.slice(3))} ${fact.kind}`)
            : []
        }
        expect(await kinds([1, 2], [], 10)).to.deep.equal(['1 cancel', '2 outcome', '3 outcome', '1 outcome'])
        expect(await kinds([1], [id(2)], 10)).to.deep.equal(['1 cancel', '1 outcome'])
        expect(await kinds([1, 2], [], 2)).to.deep.equal(['1 cancel', '2 outcome'])
        await turn(worker, async (tx) => tx.markApplied(await tx.factsOf([id(1)])))
        expect(await kinds([1, 2], [], 10)).to.deep.equal(['2 outcome', '3 outcome'])
      })

      it('of a POST keep what was said first', async () => {
        const { worker } = await live()
        await insert({ n: 1 })
        for (const kind of ['delivered', 'failed'])
          await under.ledger.insertResultFacts([
            { p: 1, actionId: id(1), attempt: 1, body: { result: { kind } } },
          ])
        const end = await turn(worker, (tx) => tx.factsOf([id(1)]))
        expect(
          end.kind === 'committed' && end.value.map(({ kind, n, body }) => ({ kind, n, body })),
        ).to.deep.equal([{ kind: 'result', n: 1, body: { result: { kind: 'delivered' } } }])
      })
    })

    describe('the walk over lanes', () => {
      it('meets each lane once, in the order of their numbers, whatever its backlog', async () => {
        await insert(...Array.from({ length: 40 }, (_, n) => ({ n, lane: '-5', dueInMs: -1_000 - n })))
        await insert(
          { n: 50, lane: '10' },
          { n: 51, lane: '9' },
          { n: 52, p: 2, lane: '3' },
          { n: 53, p: 3, lane: '3' },
        )
        expect((await walk(100)).sort()).to.deep.equal(['1:-5', '1:10', '1:9', '2:3'])
        expect(await walk(100, SLEEP_LANE, [1])).to.deep.equal(['1:-5', '1:9', '1:10'])
        expect(await walk(2, SLEEP_LANE, [1])).to.deep.equal(['1:-5', '1:9'])
        expect(await walk(2, '9', [1])).to.deep.equal(['1:10'])
      })

      it('says in how many ms the first of a lane is due', async () => {
        await insert(
          { n: 1, lane: '1', dueInMs: -5_000 },
          { n: 2, lane: '1' },
          { n: 3, lane: '2', dueInMs: 5_000 },
        )
        const [first, second] = await under.ledger.walkLanes([{ p: 1, lane: SLEEP_LANE }], 10)
        expect(first!.inMs).to.be.within(-15_000, -5_000)
        expect(second!.inMs).to.be.within(0, 5_000)
      })

      it('does not meet what sleeps; what is due within ten seconds is woken, so many of each partition', async () => {
        await insert({ n: 1, dueInMs: 11_000 }, { n: 2, dueInMs: 11_001 }, { n: 3, dueInMs: 60_000 })
        expect(await walk(10)).to.deep.equal([])
        await under.wait(1_500)
        expect(await under.ledger.wakeSleeping([2], 10)).to.equal(0)
        expect(await under.ledger.wakeSleeping([1, 2], 1)).to.equal(1)
        expect(await walk(10)).to.deep.equal(['1:7'])
        expect(await under.ledger.wakeSleeping([1, 2], 10)).to.equal(1)
        expect(await under.ledger.wakeSleeping([1, 2], 10)).to.equal(0)
      })
    })

    describe('a load', () => {
      it('brings what is due, in order, behind where it was, as many as there is room for', async () => {
        await insert(
          { n: 3, dueInMs: -10 },
          { n: 2, dueInMs: -30 },
          { n: 1, dueInMs: -20 },
          { n: 4, dueInMs: 5_000 },
          { n: 5, lane: '8' },
        )
        expect(await due(10)).to.deep.equal([2, 1, 3])
        expect(await due(2)).to.deep.equal([2, 1])
        expect(await due(10, { at: (await under.state(id(2))).nextAt!, id: id(2) })).to.deep.equal([1, 3])
      })

      it('leaves out what was said something about that no turn has heard', async () => {
        const { worker } = await live()
        await insert({ n: 1 }, { n: 2 })
        await under.report(id(1), 'completed')
        expect(await due(10)).to.deep.equal([2])
        await turn(worker, async (tx) => tx.markApplied(await tx.factsOf([id(1)])))
        expect(await due(10)).to.deep.equal([1, 2])
      })
    })

    describe('events', () => {
      const read = async (worker: string, limit = 10) => {
        const end = await turn(worker, (tx) => tx.events([1, 2], limit))
        return end.kind === 'committed' ? end.value : []
      }

      it('are read in the order of their transactions, and are ready once no older one runs', async () => {
        const { worker } = await live()
        const older = await under.beginEvent(event(1), 1)
        const younger = await under.beginEvent(event(2), 1)
        await younger.commit()
        expect((await read(worker)).map((read) => [read.id, read.isReady])).to.deep.equal([[event(2), false]])
        await older.commit()
        expect((await read(worker)).map((read) => [read.id, read.isReady])).to.deep.equal([
          [event(1), true],
          [event(2), true],
        ])
      })

      it('are read once, since the mark moves with the turn', async () => {
        const { worker } = await live()
        for (const n of [1, 2, 3]) await (await under.beginEvent(event(n), 1)).commit()
        const [first] = await read(worker, 1)
        expect(first!.id).to.equal(event(1))
        await turn(worker, (tx) => tx.moveMarks([{ p: 1, xid: first!.xid, seq: first!.seq }]))
        expect((await read(worker)).map((read) => read.id)).to.deep.equal([event(2), event(3)])
      })
    })

    describe('people', () => {
      const person = (userId: string, fields: Partial<Person>) => ({
        tenant: '00000000-0000-0000-0000-000000000001',
        test: false,
        id: userId,
        p: 1,
        person: { ...unknownPerson(false), ...fields },
        isPermissionChanged: false,
        areTraitsChanged: true,
        dueBefore: null,
      })

      it('are known under the ids that were asked with, also where they were joined to another', async () => {
        const { worker } = await live()
        const people = [
          person('a', { traits: { name: 'Ada' } }),
          person('visitor', { mergedInto: 'before' }),
          person('before', { mergedInto: 'a' }),
        ]
        await turn(worker, (tx) => tx.writeEvents({ ...noEvents([]), people }))
        const keys = ['a', 'visitor', 'nobody'].map((userId) => person(userId, {}))
        const found = await under.ledger.currentPeople(keys)
        const names = keys.map((key) => found.get(personKey(key))?.traits.name)
        expect(names).to.deep.equal(['Ada', 'Ada', undefined])
      })

      const dueIn = async (tx: TurnTx, p = 1, limit = 10) => (await tx.due([p], limit)).map((row) => row.id)
      const inTurn = async <T>(body: (tx: TurnTx) => Promise<T>): Promise<T> => {
        const { worker } = await live()
        const end = await turn(worker, body)
        if (end.kind !== 'committed') throw new Error('buried')
        return end.value
      }

      it('are due from their time on, the earliest first, so many a partition', async () => {
        const now = Math.floor(await under.now())
        await inTurn((tx) =>
          tx.writeEvents({
            ...noEvents([]),
            people: [
              person('second', { dueAt: now - 1_000 }),
              person('first', { dueAt: now - 2_000 }),
              person('later', { dueAt: now + 60_000 }),
              person('never', {}),
              { ...person('elsewhere', { dueAt: now - 3_000 }), p: 2 },
            ],
          }),
        )
        const found = await inTurn(async (tx) => [await dueIn(tx), await dueIn(tx, 1, 1), await dueIn(tx, 2)])
        expect(found).to.deep.equal([['first', 'second'], ['first'], ['elsewhere']])
        const [row] = await inTurn((tx) => tx.due([1], 1))
        expect(row).to.deep.include({ p: 1, at: now - 2_000, test: false })
      })

      it('remember what they were told, and are due at another time once they were looked at', async () => {
        const now = Math.floor(await under.now())
        const fired = { ...unknownPerson(false).standing, fired: { 'inactive_for 14d': 5 } }
        const due = person('silent', { dueAt: now - 1_000 })
        await inTurn((tx) => tx.writeEvents({ ...noEvents([]), people: [due] }))
        await inTurn(async (tx) => {
          const looked = await tx.due([1], 10)
          const next = { ...due.person, dueAt: now - 500, standing: fired }
          const people = [{ ...due, person: next, dueBefore: due.person.dueAt }]
          await tx.writeEvents({ ...noEvents([]), looked, people })
        })
        const [rows, known] = await inTurn(
          async (tx) => [await tx.due([1], 10), await tx.people([due])] as const,
        )
        expect(rows.map(({ id: who, at }) => [who, at])).to.deep.equal([['silent', now - 500]])
        expect(known.get(personKey(due))).to.deep.include({ standing: fired, dueAt: now - 500 })
        await inTurn(async (tx) => tx.stopDue((await tx.due([1], 10))[0]!))
        expect(await inTurn(dueIn)).to.deep.equal([])
      })

      it('are due no more when they are erased, whatever rows there are of them', async () => {
        const now = Math.floor(await under.now())
        const due = person('gone', { dueAt: now - 1_000 })
        await inTurn((tx) => tx.writeEvents({ ...noEvents([]), people: [due] }))
        // Another row of the same person, as those have who are armed for a rule that comes later.
        await inTurn((tx) =>
          tx.writeEvents({ ...noEvents([]), people: [person('gone', { dueAt: now - 2_000 })] }),
        )
        expect(await inTurn(dueIn)).to.deep.equal(['gone', 'gone'])
        const nobody = { ...due, person: null, dueBefore: now - 2_000 }
        await inTurn((tx) => tx.writeEvents({ ...noEvents([]), people: [nobody] }))
        expect(await inTurn(dueIn)).to.deep.equal([])
      })
    })

    describe('ownership', () => {
      it('shows the living, with their beats and locks', async () => {
        const first = await live()
        const second = await live({ beatMs: 1 })
        await under.wait(20)
        expect(await first.session.listWorkers()).to.deep.equal([
          { id: first.worker, isBeatOver: false, isLockFree: false },
          { id: second.worker, isBeatOver: true, isLockFree: false },
        ])
        expect(await second.session.extendBeat(second.worker, BEAT_MS)).to.equal(true)
        expect((await first.session.listWorkers())[1]!.isBeatOver).to.equal(false)
      })

      it('is lost by burial alone: of those whose beat is over or whose session is gone', async () => {
        const first = await live({ claims: 2 })
        const second = await live({ claims: 3 })
        expect(await first.session.bury(second.worker)).to.equal(false)
        await second.session.end()
        await eventually(async () =>
          expect((await first.session.listWorkers())[1]!.isLockFree).to.equal(true),
        )
        expect(await first.session.bury(second.worker)).to.equal(true)
        expect(await first.session.bury(second.worker)).to.equal(false)
        expect([...(await under.owners()).values()].filter((owner) => owner !== null)).to.deep.equal([
          first.worker,
          first.worker,
        ])
        expect(await first.session.extendBeat(second.worker, BEAT_MS)).to.equal(false)
        expect(await first.session.claim(second.worker, 1)).to.deep.equal([])
      })

      it('is kept by a worker whose new session takes the lock again', async () => {
        const first = await live()
        const second = await live()
        await second.session.end()
        const again = await open()
        await eventually(async () => expect(await again.relock(second.worker)).to.equal(true))
        expect((await first.session.listWorkers())[1]!.isLockFree).to.equal(false)
        expect(await first.session.bury(second.worker)).to.equal(false)
        expect(await (await open()).relock(second.worker)).to.equal(false)
      })

      it('is claimed of what is free, and known to the ledger', async () => {
        const first = await live({ claims: 60 })
        const second = await live({ claims: 60 })
        const owned = async ({ worker, session }: typeof first) =>
          (await session.owned(worker)).map(({ p }) => p)
        expect(await owned(first)).to.have.length(60)
        expect(await owned(second)).to.deep.equal([60, 61, 62, 63])
      })

      it('is given away with what is on the wire put off past its end', async () => {
        const { worker, session } = await live()
        await insert({ n: 1 }, { n: 2 })
        await session.release(worker, [1], [{ id: id(1), remainingMs: 3_000 }])
        expect((await under.owners()).get(1)).to.equal(null)
        expect((await under.owners()).get(2)).to.equal(worker)
        const { nextAt, version } = await under.state(id(1))
        expect(nextAt! - (await under.now())).to.be.within(1, 3_000)
        expect(version).to.equal(0)
        expect(await under.timers(id(1))).to.deep.equal([nextAt])
        expect(await due(10)).to.deep.equal([2])
      })

      it('ends with a worker that retires, of everything that it had', async () => {
        const { worker, session } = await live()
        await session.retire(worker)
        expect([...(await under.owners()).values()].every((owner) => owner === null)).to.equal(true)
        expect(await turn(worker, () => Promise.reject(new Error('the body was run')))).to.deep.equal({
          kind: 'buried',
        })
      })
    })

    describe('leave to send', () => {
      const permits = (until: number, ...ns: number[]) => ({
        allowances: [{ type: 'limited', nextAt: until }],
        permits: ns.map((n) => ({ type: 'limited', actionId: id(n), until })),
        freed: [],
        claims: [],
      })
      const used = async (worker: string, except: string[] = []) => {
        const end = await turn(worker, (tx) => tx.allowances(['limited'], except))
        return end.kind === 'committed' ? end.value.get('limited') : undefined
      }

      it('is counted: what is out and not over, those that ask again left out', async () => {
        const { worker } = await live()
        expect(await used(worker)).to.deep.equal({ inFlight: 0, nextAt: Number.NEGATIVE_INFINITY })
        const until = Math.floor(await under.now()) + 60_000
        await turn(worker, (tx) => tx.writeLeaves(permits(until, 1, 2)))
        expect(await used(worker)).to.deep.equal({ inFlight: 2, nextAt: until })
        expect((await used(worker, [id(1)]))!.inFlight).to.equal(1)
        await turn(worker, (tx) =>
          tx.writeLeaves({
            allowances: [],
            permits: [],
            freed: [{ type: 'limited', actionId: id(2) }],
            claims: [],
          }),
        )
        expect((await used(worker))!.inFlight).to.equal(1)
        await turn(worker, (tx) => tx.writeLeaves({ ...permits(1_000, 1), allowances: [] }))
        expect((await used(worker))!.inFlight).to.equal(0)
      })

      it('is decided by one turn at a time', async () => {
        const [first, second] = [await live({ claims: 1 }), await live()]
        const until = Math.floor(await under.now()) + 60_000
        const [, seen] = await Promise.all([
          turn(first.worker, async (tx) => {
            await tx.allowances(['limited'], [])
            await under.wait(300)
            await tx.writeLeaves(permits(until, 1))
          }),
          under.wait(100).then(() => used(second.worker)),
        ])
        expect(seen!.inFlight).to.equal(1)
      })

      it('is claimed before the POST, from the version and due time that were read', async () => {
        const { worker } = await live()
        await insert({ n: 1 }, { n: 2 })
        const [one, two] = [await under.state(id(1)), await under.state(id(2))]
        const until = Math.floor(await under.now()) + 5_000
        const claim = (n: number, version: number, nextBefore: number) => ({
          id: id(n),
          p: 1,
          version,
          attempt: 1,
          nextBefore,
          nextAt: until,
        })
        const end = await turn(worker, (tx) =>
          tx.writeLeaves({
            allowances: [],
            permits: [],
            freed: [],
            claims: [claim(1, 0, one.nextAt!), claim(2, 0, two.nextAt! - 1)],
          }),
        )
        expect(end.kind === 'committed' && end.value).to.deep.equal([id(1)])
        expect(await under.state(id(1))).to.deep.equal({ ...one, claimed: 1, nextAt: until })
        expect(await under.timers(id(1))).to.deep.equal([until])
        expect(await under.state(id(2))).to.deep.equal(two)
      })
    })
  })
}
