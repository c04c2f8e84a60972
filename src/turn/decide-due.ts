import { armed, changesOf, type Fire, lookAt, settled, type Watch } from '../../actors/due.ts'
import { type Person, seenByRules } from '../../actors/person.ts'
import { watchOf } from '../decisions/watch.ts'
import type { AskedDocument } from '../documents/rule-book.ts'
import type { DueRow } from '../ledger/people/due.ts'
import { type PersonKey, personKey } from '../ledger/people/person-key.ts'
import { type Deciding, decideFor, type Running } from './decide-for.ts'
import { keepPerson, type PeopleDraft, type ToldEvent } from './hear-events.ts'
import { allOf } from './load-people.ts'

type Whose = PersonKey & { p: number }

/** Looks at somebody who is due, and decides about what fires. Whoever is gone or somebody else by now is not due. */
export function decideDue(row: DueRow, running: Running, deciding: Deciding): void {
  const { draft, decided } = running
  const { p, tenant, test, id } = row
  const whose = { p, tenant, test, id }
  decided.looked.push(row)
  const person = draft.known.get(personKey(row))
  if (person === undefined || person.mergedInto !== null) return
  const watch = watchOf(deciding.rules, tenant, id)
  // What was said in this very turn may be the middle of an import, too.
  const heard = draft.writes.has(personKey(row)) ? settled({ id, person }, watch, deciding.now) : person
  const look = lookAt({ id, person: heard }, watch, deciding.now)
  keepPerson(draft, whose, { ...heard, standing: look.standing })
  draft.looked.add(personKey(row))
  decideFires(whose, look.fires, running, deciding)
  for (const { domain } of look.asks) {
    const asked = allOf(deciding.rules.forUser(tenant, id), domain)
    decideTrigger(whose, { seen: { kind: 'next_action', domain }, asked }, running, deciding)
  }
}

/** Decides about what scores have come to by an event, in the event's own turn. */
export function decideChanges(
  whose: Whose,
  { before }: Pick<ToldEvent, 'before'>,
  running: Running,
  deciding: Deciding,
): void {
  const watch = watchOf(deciding.rules, whose.tenant, whose.id)
  if (watch.levels === null) return
  const person = running.draft.known.get(personKey(whose))!
  const { fires, standing } = changesOf(person, watch, deciding.now, before)
  if (standing !== person.standing) keepPerson(running.draft, whose, { ...person, standing })
  decideFires(whose, fires, running, deciding)
}

/** Takes what only becomes known as how a person has been all along: it is no change. */
export function learnLevels(whose: Whose, running: Running, deciding: Deciding): void {
  const { levels } = watchOf(deciding.rules, whose.tenant, whose.id)
  const person = running.draft.known.get(personKey(whose))
  if (levels === null || person === undefined || person.mergedInto !== null) return
  const known = { by: levels.by, of: levels.of(person, deciding.now) }
  keepPerson(running.draft, whose, { ...person, standing: { ...person.standing, levels: known } })
}

function decideFires(whose: Whose, fires: readonly Fire[], running: Running, deciding: Deciding): void {
  const book = deciding.rules.forUser(whose.tenant, whose.id)
  for (const { trigger, seen } of fires)
    decideTrigger(whose, { seen, asked: book.firedBy(trigger.key) }, running, deciding)
}

function decideTrigger(
  whose: Whose,
  { seen, asked }: { seen: Record<string, unknown>; asked: readonly AskedDocument[] },
  running: Running,
  deciding: Deciding,
): void {
  if (asked.length === 0) return
  const person = running.draft.known.get(personKey(whose))!
  const occasion = { userId: whose.id, event: null, trigger: seen, time: deciding.now }
  const user = { ...seenByRules(person, deciding.now) }
  decideFor(whose, { occasion, user, person, asked }, running, deciding)
}

/** Says of everybody who is written when to look at them next. */
export function armEverybody(
  { writes, known, looked }: PeopleDraft,
  { rules, now }: Pick<Deciding, 'rules' | 'now'>,
): void {
  for (const [name, write] of writes) {
    const { tenant, id, person } = write
    if (person === null) continue
    const after = looked.has(name) ? 'look' : 'word'
    const next = armed({ id, person }, watchOf(rules, tenant, id), now, after)
    if (next === person) continue
    write.person = next
    known.set(name, next)
  }
}

/** The person as if all had fired that is due, without asking anything that a tenant has written. */
export function passedOver(person: Person, { id }: PersonKey, watch: Watch, now: number): Person {
  const byTime = { ...watch, levels: null }
  const { standing } = lookAt({ id, person }, byTime, now)
  return armed({ id, person: { ...person, standing } }, byTime, now, 'look')
}
