/**
 * What becomes of what comes in under one id: it is told to the person, or passed on to whoever that person has become.
 * Pure, like all actors.
 */

import { type Person, type PersonItem, type ProfileChange, told, unknownPerson } from './person.ts'
import { domainOf, type Report, waitFor } from './report.ts'
import {
  NO_STANDING,
  type Offer,
  passedOn,
  type Standing,
  wentTo,
  withAsk,
  withOffer,
  withoutOpen,
  withPassed,
} from './standing.ts'

/** What was said of a person, wherever it first came in. */
export interface Said {
  kind: 'event' | 'traits' | 'join' | 'delete' | 'merge' | 'report'
  isAnonymous: boolean
  type: string
  data: Record<string, unknown>
  /** ms since the epoch. */
  time: number
  /** The ids that have passed it on, the first one first. */
  via: readonly string[]
}

export type Heard =
  /** Known by now; an event is to be decided on. `before` is how it was known until then. */
  | { kind: 'told'; before: Person; person: Person }
  /** What came of something that was decided; null: nothing is known of the person. */
  | { kind: 'reported'; person: Person | null; report: Report; offer: Offer | null }
  /** `from` is what was known under this id, and belongs to `to` by now. */
  | { kind: 'joined'; person: Person; from: Person; to: string; via: string[] }
  /** Everything under this id belongs to `to`, this too. `person`: what is left under the id; null: as it was. */
  | { kind: 'passed'; person: Person | null; to: string; via: string[] }
  /** The person is to be erased, everywhere. */
  | { kind: 'erased' }
  /** The id was another name of somebody who is erased: it is to be known no more. */
  | { kind: 'gone' }
  | { kind: 'ignored' }

/** More ids than this pass nothing on: the last one keeps it. */
export const VIA_MAX = 32

/** What follows for `id`, known as `known` or not at all, from what is said under it; `id` of a join is the previous one. */
export function hear(id: string, known: Person | undefined, said: Said): Heard {
  const person = known ?? unknownPerson(said.kind === 'join' || said.isAnonymous)
  if (said.kind === 'join') return join(id, person, String(said.data.userId), said.via)
  if (said.kind === 'delete' && said.data.what === 'alias')
    return person.mergedInto === said.data.of ? { kind: 'gone' } : { kind: 'ignored' }
  const to = addressee(id, person, said)
  if (to !== null) return { kind: 'passed', person: passing(person, said, to), to, via: [...said.via, id] }
  if (said.kind === 'delete' && said.data.what === 'person') return { kind: 'erased' }
  if (said.kind === 'report') return hearReport(known, said)
  const next = told(person, itemOf({ ...said, kind: said.kind }))
  const isAnonymous = person.isAnonymous && said.isAnonymous
  return { kind: 'told', before: person, person: { ...next, isAnonymous, mergedInto: null } }
}

/** Whose it is by now what is said of a person; null: the person's own. */
function addressee(id: string, { mergedInto, standing }: Person, { kind, data, via }: Said): string | null {
  // What came of an offer goes behind it wherever it went, also where the id was joined to somebody else since.
  const went = kind === 'report' ? wentTo(standing, (data as unknown as Report).id) : null
  if (went !== null) return via.length < VIA_MAX ? went : null
  return mergedInto !== null && !stays(id, mergedInto, via) ? mergedInto : null
}

/** Where offers come through an id, it remembers where they went: it may be joined to somebody else before they end. */
function passing(person: Person, { kind, data }: Said, to: string): Person | null {
  if (kind !== 'merge') return null
  const standing = withPassed(person.standing, (data.person as Person).standing ?? NO_STANDING, to)
  return standing === person.standing ? null : { ...person, standing }
}

/** From now on the id belongs to another; what it had goes along, and what it does not allow holds here too. */
function join(id: string, person: Person, to: string, via: readonly string[]): Heard {
  if (to === id || person.mergedInto === to) return { kind: 'ignored' }
  const emptied = {
    ...unknownPerson(person.isAnonymous),
    permissions: person.permissions,
    mergedInto: to,
    standing: passedOn(person.standing, to),
  }
  return { kind: 'joined', person: emptied, from: person, to, via: [...via, id] }
}

/**
 * Whether what was joined in a circle ends here: the first id of a circle by its text is who all of it becomes. So
 * joins that cross each other come to one person, in whatever order they are heard.
 */
function stays(id: string, to: string, via: readonly string[]): boolean {
  if (via.length >= VIA_MAX) return true
  const since = via.lastIndexOf(to)
  return since >= 0 && via.slice(since).every((other) => id <= other)
}

/** Of nobody it makes somebody only where a client did something for them: who is erased stays so. */
function hearReport(known: Person | undefined, { data, time }: Said): Heard {
  const report = data as unknown as Report
  const person = known ?? (report.carried === undefined ? undefined : unknownPerson(false))
  if (person === undefined) return { kind: 'reported', person: null, report, offer: null }
  const told = report.carried === undefined ? person.standing : withCarried(person.standing, report, time)
  const { standing: closed, offer } =
    report.status === 'pending' ? { standing: told, offer: null } : withoutOpen(told, report.id)
  const wait = waitFor(report.outcome?.result)
  const standing =
    wait === null ? closed : withAsk(closed, { domain: domainOf(report.rule), at: time + wait })
  return { kind: 'reported', person: { ...person, standing }, report, offer }
}

/** With what a client did: it counts as offered from then on. */
function withCarried(standing: Standing, { id, rule, segment, carried }: Report, at: number): Standing {
  return withOffer(standing, { rule, action: carried!, at, open: id, segment: segment ?? '' })
}

function itemOf({
  kind,
  type,
  data,
  time,
}: Omit<Said, 'kind'> & { kind: Exclude<Said['kind'], 'report'> }): PersonItem {
  switch (kind) {
    case 'event':
      return { kind: 'event', type, at: time }
    case 'traits':
      return { kind: 'traits', change: data as ProfileChange }
    case 'merge':
      return { kind: 'merge', from: data.person as Person }
    case 'delete':
    case 'join':
      return { kind: 'forget' }
    default:
      return kind satisfies never
  }
}
