import Type, { type Static } from 'typebox'
import { type Activity, daysSince, ratePerDay } from '../../../actors/activity.ts'
import type { Named, Permissions } from '../../../actors/permissions.ts'
import type { ReadPerson } from '../../ledger/people/read-people.ts'

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
export const Time = Type.String({ description: 'ISO 8601, UTC', examples: ['2026-04-26T10:30:00.000Z'] })
const byName = <T extends Type.TSchema>(schema: T) =>
  Type.Object({ channels: Type.Record(Type.String(), schema), actions: Type.Record(Type.String(), schema) })

/** What was done of one type of event. */
const ActivitySchema = Type.Object({
  count: Type.Integer(),
  first_at: Time,
  last_at: Time,
  days_since: Type.Number(),
  per_day: Type.Number({ description: 'How often a day of late; what is older counts half each 7 days.' }),
})

/** A user as the API shows it. */
export const UserSchema = Type.Object({
  id: Type.String(),
  is_anonymous: Type.Boolean({ description: 'A visitor, known by an anonymous id alone.' }),
  traits: Type.Record(Type.String(), Type.Unknown()),
  timezone: Nullable(Type.String()),
  locale: Nullable(Type.String()),
  consent: byName(Type.Boolean()),
  suppression: byName(Type.Union([Type.Literal(true), Time], { description: 'true: until it is lifted.' })),
  events: Type.Integer({ description: 'Events of all types.' }),
  first_seen: Nullable(Time),
  last_seen: Nullable(Time),
  refused_values: Type.Integer({ description: 'Values that were not taken because they passed a limit.' }),
  created_at: Time,
  updated_at: Time,
})
export type UserView = Static<typeof UserSchema>

/** A user with what it did of each type. */
export const UserWithActivity = Type.Object({
  ...UserSchema.properties,
  activity: Type.Record(Type.String(), ActivitySchema),
})

export const iso = (ms: number): string => new Date(ms).toISOString()
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms))

export function viewUser({ id, person, createdAt, updatedAt }: ReadPerson): UserView {
  return {
    id,
    is_anonymous: person.isAnonymous,
    traits: { ...person.traits },
    timezone: person.timezone,
    locale: person.locale,
    consent: {
      channels: { ...person.permissions.consent.channels },
      actions: { ...person.permissions.consent.actions },
    },
    suppression: viewSuppression(person.permissions.suppression),
    events: person.events,
    first_seen: isoOrNull(person.firstSeen),
    last_seen: isoOrNull(person.lastSeen),
    refused_values: person.refused,
    created_at: iso(createdAt),
    updated_at: iso(updatedAt),
  }
}

function viewSuppression({ channels, actions }: Permissions['suppression']): UserView['suppression'] {
  const until = (named: Named<number | null>) =>
    Object.fromEntries(
      Object.entries(named).map(([name, at]) => [name, at === null ? (true as const) : iso(at)]),
    )
  return { channels: until(channels), actions: until(actions) }
}

/** `now` in ms, for what is counted from now. */
export function viewWithActivity(read: ReadPerson, now: number): Static<typeof UserWithActivity> {
  const activity = Object.fromEntries(
    Object.entries(read.person.activities).map(([type, each]) => [type, viewActivity(each, now)]),
  )
  return { ...viewUser(read), activity }
}

const viewActivity = (activity: Activity, now: number): Static<typeof ActivitySchema> => ({
  count: activity.count,
  first_at: iso(activity.firstAt),
  last_at: iso(activity.lastAt),
  days_since: daysSince(activity.lastAt, now),
  per_day: ratePerDay(activity, now),
})
