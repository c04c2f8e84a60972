import { type Heard, hear, type Said } from '../../actors/people.ts'
import { FREE } from '../../actors/permissions.ts'
import type { Person } from '../../actors/person.ts'
import type { Report } from '../../actors/report.ts'
import type { Offer } from '../../actors/standing.ts'
import type { Clock } from '../clock.ts'
import type { StoredEvent } from '../ledger/events/events-unread.ts'
import type { NewErasure, PassedRow, PersonWrite } from '../ledger/people/people.ts'
import { type PersonKey, personKey } from '../ledger/people/person-key.ts'
import { partitionOfUser } from '../ledger/placement.ts'

/** What is known of people in the course of a turn, and what of it is to be written. */
export interface PeopleDraft {
  known: Map<string, Person>
  writes: Map<string, PersonWrite>
  passed: PassedRow[]
  erasures: NewErasure[]
  /** Names of those who were looked at since they were due. */
  looked: Set<string>
}

/** Ids are new, and partitions are counted, by whoever decides. */
export interface Hearing {
  newId: Clock['newId']
  partitions: number
}

/** What follows of a row in its own turn: an event is to be decided on, a report to be learnt from. */
export type Consequence = ToldEvent | ToldReport

/** What came of something that was decided; the offer that it was, where it is remembered. */
export interface ToldReport {
  kind: 'report'
  report: Report
  offer: Offer | null
}

/** An event that a person was told of and that is to be decided on; `id` is that under which it first came in. */
export interface ToldEvent {
  kind: 'event'
  id: string
  userId: string
  type: string
  data: Record<string, unknown>
  time: number
  before: Person
  person: Person
}

export function peopleDraft(known: ReadonlyMap<string, Person>): PeopleDraft {
  return { known: new Map(known), writes: new Map(), passed: [], erasures: [], looked: new Set() }
}

/** Whom a row is about where it lies: of a join, whoever is joined to another. */
export const keyOf = ({ tenant, test, userId, kind, data }: StoredEvent): PersonKey => ({
  tenant,
  test,
  id: kind === 'join' ? String(data.previousId) : userId,
})

/** The type of the event that a row tells of, its own or that of the one it passes on. */
export const typeHeard = ({ kind, type, data }: Pick<StoredEvent, 'kind' | 'type' | 'data'>): string =>
  kind === 'pass' ? (data.row as { type: string }).type : type

/** Tells a person what a row says; gives what follows from it, null where that is nothing. */
export function hearEvent(row: StoredEvent, draft: PeopleDraft, hearing: Hearing): Consequence | null {
  const key = keyOf(row)
  const name = personKey(key)
  const { id, said } = unwrapped(row)
  const known = draft.known.get(name)
  const heard = hear(key.id, known, said)
  const keep = (person: Person | null) => keepPerson(draft, { ...key, p: row.p }, person)
  switch (heard.kind) {
    case 'told': {
      keep(heard.person)
      const { before, person } = heard
      const { type, data, time } = said
      return said.kind === 'event'
        ? { kind: 'event', id, userId: key.id, type, data, time, before, person }
        : null
    }
    case 'reported': {
      const { person, report, offer } = heard
      if (person !== null) keep(person)
      return { kind: 'report', report, offer }
    }
    case 'joined':
      keep(heard.person)
      draft.passed.push(mergeRow(row, heard, hearing))
      return null
    case 'passed':
      if (heard.person !== null) keep(heard.person)
      draft.passed.push(passRow(row, { id, said, ...heard }, hearing))
      return null
    case 'erased':
      keep(null)
      draft.erasures.push(erasureOf(row, said, key, hearing))
      return null
    case 'gone':
      keep(null)
      return null
    case 'ignored':
      return null
    default:
      return heard satisfies never
  }
}

/** Takes down what a person is by now; null: there is nobody any more. */
export function keepPerson(draft: PeopleDraft, key: PersonKey & { p: number }, person: Person | null): void {
  const name = personKey(key)
  const known = draft.known.get(name)
  const earlier = draft.writes.get(name)
  draft.writes.set(name, {
    ...key,
    person,
    isPermissionChanged:
      (earlier?.isPermissionChanged ?? false) ||
      (known?.permissions ?? FREE) !== (person?.permissions ?? FREE),
    areTraitsChanged: (earlier?.areTraitsChanged ?? false) || known?.traits !== person?.traits,
    dueBefore: earlier === undefined ? (known?.dueAt ?? null) : earlier.dueBefore,
  })
  if (person === null) draft.known.delete(name)
  else draft.known.set(name, person)
}

/** What a row says, taken out of what it was passed on in. */
function unwrapped(row: StoredEvent): { id: string; said: Said } {
  const { id, kind, isAnonymous, type, data, time, userId } = row
  if (kind !== 'pass') {
    const via = kind === 'merge' ? (data.via as string[]) : []
    return { id, said: { kind, isAnonymous, type, data: kind === 'join' ? { userId } : data, time, via } }
  }
  const original = data.row as Pick<StoredEvent, 'id' | 'type' | 'data'> & { kind: Said['kind'] }
  return {
    id: original.id,
    said: { ...original, isAnonymous: false, time, via: data.via as string[] },
  }
}

/** What both kinds of rows for other partitions have of the row that they come from. */
const shared = ({ tenant, time, source, test, decides }: StoredEvent) => ({
  tenant,
  time,
  source,
  test,
  decides,
})

function mergeRow(
  row: StoredEvent,
  { from, to, via }: Extract<Heard, { kind: 'joined' }>,
  { newId, partitions }: Hearing,
): PassedRow {
  return {
    ...shared(row),
    id: newId('ev'),
    p: partitionOfUser(row.tenant, to, partitions),
    kind: 'merge',
    userId: to,
    type: '$merge',
    data: { previousId: via.at(-1), via, person: from },
  }
}

function passRow(
  row: StoredEvent,
  { id, said, to, via }: { id: string; said: Said; to: string; via: string[] },
  { newId, partitions }: Hearing,
): PassedRow {
  const { kind, type, data } = said
  return {
    ...shared(row),
    id: newId('ev'),
    p: partitionOfUser(row.tenant, to, partitions),
    kind: 'pass',
    userId: to,
    type: '$pass',
    data: { via, row: { id, kind, type, data } },
  }
}

/** Asked for by the API it has an id already, under which it can be followed. */
function erasureOf(row: StoredEvent, said: Said, key: PersonKey, { newId }: Hearing): NewErasure {
  const { erasure } = said.data
  return {
    id: typeof erasure === 'string' ? erasure : newId('er'),
    tenant: key.tenant,
    test: key.test,
    userId: key.id,
    until: row.receivedAt,
  }
}
