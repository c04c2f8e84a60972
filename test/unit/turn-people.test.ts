import { expect } from 'chai'
import { type Person, unknownPerson } from '../../actors/person.ts'
import type { StoredEvent } from '../../src/ledger/events/events-unread.ts'
import { personKey } from '../../src/ledger/people/person-key.ts'
import { partitionOfUser } from '../../src/ledger/placement.ts'
import { hearEvent, keyOf, peopleDraft, type ToldEvent, typeHeard } from '../../src/turn/hear-events.ts'
import { peopleOf } from '../../src/turn/load-people.ts'
import type { TurnTx } from '../../src/turn/ports.ts'

const tenant = 't'
const PARTITIONS = 64
let ids = 0
const hearing = { newId: () => `new_${++ids}`, partitions: PARTITIONS }
const key = (id: string, test = false) => personKey({ tenant, test, id })

const row = (userId: string, more: Partial<StoredEvent> = {}): StoredEvent => ({
  id: `ev_${++ids}`,
  xid: '1',
  seq: String(ids),
  p: 3,
  tenant,
  kind: 'event',
  userId,
  isAnonymous: false,
  type: 'seen',
  data: {},
  time: 1_000,
  receivedAt: 2_000,
  source: 'api',
  test: false,
  decides: true,
  isReady: true,
  ...more,
})
const joinRow = (previousId: string, userId: string) =>
  row(userId, { kind: 'join', type: '$join', data: { previousId } })
const known = (id: string, person: Partial<Person>) =>
  new Map([[key(id), { ...unknownPerson(false), ...person }]])

/** What is to be decided on of a row. */
function toldOf(
  ...[event, draft]: [Parameters<typeof hearEvent>[0], Parameters<typeof hearEvent>[1]]
): ToldEvent {
  const told = hearEvent(event, draft, hearing)
  if (told?.kind !== 'event') throw new Error('nothing is to be decided')
  return told
}

describe('people in a turn', () => {
  it('are not asked for where there are no events, and once each where there are', async () => {
    const asked: string[][] = []
    const tx = {
      async people(keys: readonly { id: string }[]) {
        asked.push(keys.map(({ id }) => id))
        return new Map()
      },
    } as unknown as TurnTx
    await peopleOf(tx, { events: [], due: [] })
    expect(asked).to.deep.equal([])
    await peopleOf(tx, { events: [row('a'), row('a'), row('b'), joinRow('v', 'a')], due: [] })
    expect(asked).to.deep.equal([['a', 'b', 'v']])
  })

  it('are told of each event after the one before, and written once', () => {
    const draft = peopleDraft(new Map())
    const [first, second] = [toldOf(row('a'), draft), toldOf(row('a'), draft)]
    expect([first.person.events, second.before.events, second.person.events]).to.deep.equal([1, 1, 2])
    expect([...draft.writes.values()].map(({ person }) => person!.events)).to.deep.equal([2])
  })

  it('are left alone by what test keys sent', () => {
    const draft = peopleDraft(known('a', { events: 7 }))
    hearEvent(row('a', { test: true }), draft, hearing)
    expect(draft.known.get(key('a'))!.events).to.equal(7)
    expect(draft.known.get(key('a', true))!.events).to.equal(1)
    expect([...draft.writes.keys()]).to.deep.equal([key('a', true)])
  })

  it('who are joined are moved by a row to the partition of the user, and what follows in the same turn too', () => {
    const draft = peopleDraft(known('v', { events: 4, isAnonymous: true }))
    const join = joinRow('v', 'u')
    expect(keyOf(join).id).to.equal('v')
    expect(hearEvent(join, draft, hearing)).to.equal(null)
    const late = row('v', { isAnonymous: true, type: 'bought', data: { n: 1 } })
    expect(hearEvent(late, draft, hearing)).to.equal(null)
    const [merge, pass] = draft.passed
    const p = partitionOfUser(tenant, 'u', PARTITIONS)
    expect(merge).to.deep.include({ kind: 'merge', userId: 'u', p })
    expect(pass).to.deep.include({ kind: 'pass', userId: 'u', p, time: 1_000 })
    expect(draft.writes.get(key('v'))!.person).to.include({ events: 0, mergedInto: 'u' })

    const theirs = peopleDraft(known('u', { events: 1 }))
    hearEvent(row('u', { ...merge!, data: JSON.parse(JSON.stringify(merge!.data)) }), theirs, hearing)
    const passed = row('u', { ...pass!, data: JSON.parse(JSON.stringify(pass!.data)) })
    expect(typeHeard(passed)).to.equal('bought')
    const told = toldOf(passed, theirs)
    expect(told).to.deep.include({ id: late.id, userId: 'u', type: 'bought', data: { n: 1 } })
    expect(told.person.events).to.equal(6)
  })

  it('who are erased go with their row, and the one who comes back in the same turn is somebody new', () => {
    const draft = peopleDraft(known('a', { events: 7, traits: { name: 'x' } }))
    hearEvent(row('a', { kind: 'delete', data: { what: 'person', erasure: 'er_1' } }), draft, hearing)
    expect(draft.writes.get(key('a'))!.person).to.equal(null)
    expect(draft.erasures).to.deep.equal([{ id: 'er_1', tenant, test: false, userId: 'a', until: 2_000 }])
    hearEvent(row('a'), draft, hearing)
    expect(draft.writes.get(key('a'))).to.deep.include({ areTraitsChanged: true })
    expect(draft.writes.get(key('a'))!.person).to.deep.include({ events: 1, traits: {} })
  })

  it('whose traits and permissions stay are written without them', () => {
    const draft = peopleDraft(known('a', { traits: { name: 'x' } }))
    hearEvent(row('a'), draft, hearing)
    expect(draft.writes.get(key('a'))).to.include({ areTraitsChanged: false, isPermissionChanged: false })
    const change = { set: { name: 'y' }, consent: { channels: { email: false } } }
    hearEvent(row('a', { kind: 'traits', data: change }), draft, hearing)
    hearEvent(row('a'), draft, hearing)
    expect(draft.writes.get(key('a'))).to.include({ areTraitsChanged: true, isPermissionChanged: true })
  })
})
