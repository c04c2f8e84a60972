import Type, { type Static } from 'typebox'
import { hear, type Said } from '../../../actors/people.ts'
import { type Person, seenAtEvent, unknownPerson } from '../../../actors/person.ts'
import { decideOccasion } from '../../../actors/tenant.ts'
import { scoresOf } from '../../decisions/scores.ts'
import { randomFrom } from '../../decisions/share.ts'
import { newId } from '../../ids.ts'
import type { NewEvent } from '../../ledger/events/accept-events.ts'
import { loadPeople } from '../../ledger/people/people.ts'
import { personKey } from '../../ledger/people/person-key.ts'
import type { WebDeps } from '../deps.ts'

/** To ask rules costs time, and an answer is read by a person. */
const EVENTS_MAX = 20

/** What a rule says of an event, as it is answered. */
export const WouldDecide = Type.Object({
  event: Type.String(),
  user_id: Type.String(),
  domain: Type.String(),
  action: Type.Union([Type.String(), Type.Null()]),
  parameters: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
  would_send: Type.Boolean(),
  reason: Type.Union([Type.String(), Type.Null()], { description: 'Why it would not be sent.' }),
})
export type WouldDecide = Static<typeof WouldDecide>

/** What is known of test people by id, before rows about them are told. */
export type KnownPeople = ReadonlyMap<string, Person>

/** Whom a row is about where it lies: of a join, whoever is joined to another. */
const idOf = (row: NewEvent): string =>
  row.kind === 'join' ? (JSON.parse(row.data) as { previousId: string }).previousId : row.userId

/** What is known of those whom a test key's rows are about; asked before the rows are committed, and heard by turns. */
export async function knownPeople(
  deps: WebDeps,
  tenant: string,
  rows: readonly NewEvent[],
): Promise<KnownPeople> {
  const known = new Map<string, Person>()
  const rules = deps.rules.latest()
  await rules.ready([tenant])
  // Nothing is decided where no rule answers, whoever it is about.
  if (!rows.some((row) => rules.asks(tenant, row.type))) return known
  let asked = new Set(rows.flatMap((row) => [idOf(row), row.userId]))
  // Whoever was joined to another is followed there.
  for (let joins = 0; asked.size > 0 && joins < 4; joins++) {
    const keys = [...asked].map((id) => ({ tenant, test: true, id }))
    const found = await loadPeople(deps.ledger.pool, keys)
    for (const key of keys) {
      const person = found.get(personKey(key))
      if (person !== undefined) known.set(key.id, person)
    }
    const next = [...found.values()].flatMap(({ mergedInto }) => mergedInto ?? [])
    asked = new Set(next.filter((id) => !known.has(id)))
  }
  return known
}

/** What rules say of the first 20 of these events that they answer, by what is known of their people then. */
export async function wouldDecide(
  rows: readonly NewEvent[],
  known: KnownPeople,
  tenant: string,
  deps: WebDeps,
): Promise<WouldDecide[]> {
  // One version of the rules for all of it.
  const rules = deps.rules.latest()
  await rules.ready([tenant])
  const asked = new Set(
    rows.filter(({ kind, type }) => kind === 'event' && rules.asks(tenant, type)).slice(0, EVENTS_MAX),
  )
  if (asked.size === 0) return []
  const names = [...asked].flatMap(({ type }) => rules.actionsOf(tenant, type))
  const types = await deps.registry.byNames(tenant, names)
  await deps.lessons.ready([tenant])
  const people = new Map(known)
  const now = Date.now()
  return rows.flatMap((row) => {
    const told = tell(people, idOf(row), saidBy(row, now))
    if (told === null || !asked.has(row)) return []
    const data = JSON.parse(row.data) as Record<string, unknown>
    const event = { id: row.id, userId: told.id, type: row.type, data, time: row.time ?? now }
    const user = { ...seenAtEvent({ ...told, time: event.time }) }
    const occasion = { userId: told.id, event, trigger: null, time: event.time }
    const situation = {
      tenant,
      user,
      standing: told.person.standing,
      permissions: told.person.permissions,
      timezone: told.person.timezone,
      scores: scoresOf(rules.scoringOf(tenant, told.id), user, event.time),
      now,
    }
    const { made } = decideOccasion(occasion, situation, {
      asked: rules.forUser(tenant, told.id).askedBy(row.type),
      types,
      lessonsOf: (domain) => deps.lessons.of(tenant, domain),
      // A test key spends nothing.
      leftUsd: () => null,
      newId,
      randomOf: randomFrom,
    })
    return made.map(({ decision }) => ({
      event: row.type,
      user_id: told.id,
      domain: decision.domain,
      action: decision.recommendation?.action ?? null,
      parameters: decision.recommendation?.parameters ?? null,
      would_send: decision.sent,
      reason: decision.reason,
    }))
  })
}

function saidBy({ kind, isAnonymous, type, data, time, userId }: NewEvent, now: number): Said {
  const said = kind === 'join' ? { userId } : (JSON.parse(data) as Record<string, unknown>)
  // What turns alone write is never sent.
  const sent = kind === 'pass' ? 'event' : kind
  return { kind: sent, isAnonymous, type, data: said, time: time ?? now, via: [] }
}

/** Who heard of something in the end, and how it was known before. */
interface Told {
  id: string
  before: Person
  person: Person
}

/** Tells people as turns would, at once; gives who heard it in the end, null where there is nobody to decide about. */
function tell(people: Map<string, Person>, id: string, said: Said): Told | null {
  const heard = hear(id, people.get(id), said)
  switch (heard.kind) {
    case 'told':
      people.set(id, heard.person)
      return { id, before: heard.before, person: heard.person }
    case 'passed':
      return tell(people, heard.to, { ...said, via: heard.via })
    case 'joined':
      people.set(id, heard.person)
      tell(people, heard.to, { ...said, kind: 'merge', data: { person: heard.from }, via: heard.via })
      return null
    case 'erased':
    case 'gone':
      people.set(id, unknownPerson(true))
      return null
    case 'reported':
    case 'ignored':
      return null
    default:
      return heard satisfies never
  }
}
