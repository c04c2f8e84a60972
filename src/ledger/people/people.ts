import type { ClientBase, Pool } from 'pg'
import { FREE, mayWithhold, type Permissions } from '../../../actors/permissions.ts'
import type { Person } from '../../../actors/person.ts'
import { NO_STANDING, type Standing } from '../../../actors/standing.ts'
import type { Traits } from '../../../actors/traits.ts'
import type { EventKind } from '../events/accept-events.ts'
import { forgetDue } from './due.ts'
import { type PersonKey, personKey } from './person-key.ts'

/** A person as it is to be written; null: the row goes. */
export interface PersonWrite extends PersonKey {
  p: number
  person: Person | null
  /** Whether what is not allowed has to be written too. */
  isPermissionChanged: boolean
  /** Traits are the largest part by far, and most events leave them as they are: then they are not written again. */
  areTraitsChanged: boolean
  /** When the person was due before, in ms. */
  dueBefore: number | null
}

/** A row of `event` by which one partition tells another of a person. */
export interface PassedRow {
  id: string
  p: number
  tenant: string
  kind: Extract<EventKind, 'merge' | 'pass' | 'join' | 'report'>
  userId: string
  type: string
  /** JSON. */
  data: unknown
  time: number
  source: string
  test: boolean
  decides: boolean
}

/** Somebody who is to be erased from everything that was received until `until`, in ms. */
export interface NewErasure {
  id: string
  tenant: string
  test: boolean
  userId: string
  until: number
}

/** What a turn writes about people. */
export interface PeopleWrites {
  people: readonly PersonWrite[]
  passed: readonly PassedRow[]
  erasures: readonly NewErasure[]
}

/** The columns of a person; `o` is the alias of the table, times are ms. */
export const PERSON_COLUMNS = `o.tenant, o.test, o.id, o.traits, o.activities, o.events,
  (date_part('epoch', o.first_seen) * 1000)::float8 as "firstSeen",
  (date_part('epoch', o.last_seen) * 1000)::float8 as "lastSeen",
  round(date_part('epoch', o.due_at) * 1000) as "dueAt", o.timezone, o.locale, o.permissions, o.standing, o.is_anonymous as "isAnonymous", o.merged_into as "mergedInto", o.refused`

/** A row as the driver gives it for PERSON_COLUMNS. */
export interface RawPerson extends PersonKey {
  traits: Traits
  activities: Person['activities']
  events: number
  firstSeen: number | null
  lastSeen: number | null
  timezone: string | null
  locale: string | null
  permissions: Permissions | null
  standing: Standing | null
  dueAt: number | null
  isAnonymous: boolean
  mergedInto: string | null
  refused: number
}

export function toPerson({
  tenant: _,
  test: __,
  id: ___,
  permissions,
  standing,
  ...rest
}: RawPerson): Person {
  return { ...rest, permissions: permissions ?? FREE, standing: standing ?? NO_STANDING }
}

/** Those of these people of whom something is known, by their keys. */
export async function loadPeople(
  client: ClientBase | Pool,
  keys: readonly PersonKey[],
): Promise<Map<string, Person>> {
  if (keys.length === 0) return new Map()
  const { rows } = await client.query<RawPerson>({
    name: 'people-load',
    text: `select ${PERSON_COLUMNS} from unnest($1::uuid[], $2::bool[], $3::text[]) as k(tenant, test, id)
           join person o on o.tenant = k.tenant and o.test = k.test and o.id = k.id`,
    values: [keys.map((k) => k.tenant), keys.map((k) => k.test), keys.map((k) => k.id)],
  })
  return new Map(rows.map((row) => [personKey(row), toPerson(row)]))
}

// In the order in which they were decided, which is that in which they are read.
const passing = (first: number) => {
  const types = ['text', 'smallint', 'uuid', 'text', 'text', 'text', 'text', 'float8', 'text', 'bool', 'bool']
  return `
insert into event (id, p, tenant, kind, user_id, type, data, time, source, test, decides)
select id, p, tenant, kind, user_id, type, data::json, to_timestamp(time / 1000), source, test, decides
from unnest(${types.map((type, index) => `$${first + index}::${type}[]`).join(', ')})
  with ordinality as e(id, p, tenant, kind, user_id, type, data, time, source, test, decides, ord)
order by ord`
}

// One statement for all people of a turn. Rows for other partitions keep the order in which they were decided.
const WRITE = `
with x as materialized (
  select * from unnest($1::uuid[], $2::bool[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::int[], $8::float8[],
                       $9::float8[], $10::text[], $11::text[], $12::text[], $13::bool[], $14::text[], $15::int[], $16::bool[],
                       $37::text[], $38::float8[], $39::float8[])
    as x(tenant, test, id, p, traits, activities, events, first_seen, last_seen, timezone, locale, permissions, is_anonymous,
         merged_into, refused, is_gone, standing, due_at, due_before)
), kept as (
  insert into person as o (tenant, test, id, p, traits, activities, events, first_seen, last_seen, timezone, locale,
                           permissions, is_anonymous, merged_into, refused, standing, due_at)
  select tenant, test, id, p, traits::jsonb, activities::json, events, to_timestamp(first_seen / 1000),
         to_timestamp(last_seen / 1000), timezone, locale, permissions::json, is_anonymous, merged_into, refused,
         standing::json, to_timestamp(due_at / 1000)
  from x where not is_gone
  on conflict (tenant, test, id) do update set
    -- JSON null stands for traits as they are.
    traits = case when excluded.traits = 'null'::jsonb then o.traits else excluded.traits end, activities = excluded.activities,
    events = excluded.events, first_seen = excluded.first_seen, last_seen = excluded.last_seen,
    timezone = excluded.timezone, locale = excluded.locale, permissions = excluded.permissions,
    is_anonymous = excluded.is_anonymous, merged_into = excluded.merged_into, refused = excluded.refused,
    standing = excluded.standing, due_at = excluded.due_at, updated_at = now()
), no_more_due as (
  delete from due d using x where x.due_before is distinct from x.due_at and d.p = x.p
    and d.at = to_timestamp(x.due_before / 1000) and d.tenant = x.tenant and d.test = x.test and d.id = x.id
), newly_due as (
  insert into due (p, at, tenant, test, id)
  select p, to_timestamp(due_at / 1000), tenant, test, id from x
  where due_at is not null and due_at is distinct from due_before
  on conflict do nothing
), gone as (
  delete from person o using x where x.is_gone and o.tenant = x.tenant and o.test = x.test and o.id = x.id
), refused as (
  insert into refusal (tenant, user_id, permissions)
  select tenant, user_id, permissions::json
  from unnest($17::uuid[], $18::text[], $19::text[], $36::bool[]) as r(tenant, user_id, permissions, forbids) where forbids
  on conflict (tenant, user_id) do update set permissions = excluded.permissions, changed_at = clock_timestamp()
), freed as (
  -- Not deleted: whoever has loaded what was forbidden then must hear of it.
  update refusal o set permissions = r.permissions::json, changed_at = clock_timestamp()
  from unnest($17::uuid[], $18::text[], $19::text[], $36::bool[]) as r(tenant, user_id, permissions, forbids)
  where not forbids and o.tenant = r.tenant and o.user_id = r.user_id
), forgotten as (
  delete from refusal o using x where x.is_gone and not x.test and o.tenant = x.tenant and o.user_id = x.id
), erased as (
  insert into erasure (id, tenant, test, user_id, until)
  select id, tenant, test, user_id, to_timestamp(until / 1000)
  from unnest($20::text[], $21::uuid[], $22::bool[], $23::text[], $24::float8[]) as e(id, tenant, test, user_id, until)
  on conflict do nothing
)
${passing(25)}`

/** Writes what a turn decided about people; asks nothing of the ledger where that is nothing. */
export async function writePeople(client: ClientBase, writes: PeopleWrites): Promise<void> {
  const { people, passed, erasures } = writes
  if (people.length + passed.length + erasures.length === 0) return
  await forgetDue(
    client,
    people.filter(({ person }) => person === null),
  )
  const changed = refusing(people)
  await client.query({
    name: 'people-write',
    text: WRITE,
    values: [
      ...personValues(people),
      changed.map(({ tenant }) => tenant),
      changed.map(({ id }) => id),
      changed.map(({ permissions }) => json(permissions)),
      ...erasureValues(erasures),
      ...passedValues(passed),
      changed.map(({ permissions }) => mayWithhold(permissions)),
      ...standingValues(people),
    ],
  })
}

/** Tells partitions of people, apart from what is written about people. */
export async function insertPassed(client: ClientBase, passed: readonly PassedRow[]): Promise<void> {
  if (passed.length === 0) return
  await client.query({ name: 'people-pass', text: passing(1), values: passedValues(passed) })
}

const json = (value: unknown): string => JSON.stringify(value)

function personValues(writes: readonly PersonWrite[]): unknown[] {
  const of = <T>(read: (person: Person) => T) =>
    writes.map(({ person }) => (person === null ? null : read(person)))
  return [
    writes.map((w) => w.tenant),
    writes.map((w) => w.test),
    writes.map((w) => w.id),
    writes.map((w) => w.p),
    writes.map(({ person, areTraitsChanged }) =>
      person === null ? null : areTraitsChanged ? json(person.traits) : 'null',
    ),
    of((person) => json(person.activities)),
    of((person) => person.events),
    of((person) => person.firstSeen),
    of((person) => person.lastSeen),
    of((person) => person.timezone),
    of((person) => person.locale),
    of((person) => (person.permissions === FREE ? null : json(person.permissions))),
    of((person) => person.isAnonymous),
    of((person) => person.mergedInto),
    of((person) => person.refused),
    writes.map(({ person }) => person === null),
  ]
}

function standingValues(writes: readonly PersonWrite[]): unknown[] {
  return [
    writes.map(({ person }) =>
      person === null || person.standing === NO_STANDING ? null : json(person.standing),
    ),
    writes.map(({ person }) => person?.dueAt ?? null),
    writes.map(({ dueBefore }) => dueBefore),
  ]
}

/** Nothing is sent for test people, so that it does not matter what they allow. */
function refusing(
  writes: readonly PersonWrite[],
): { tenant: string; id: string; permissions: Permissions }[] {
  return writes.flatMap(({ tenant, test, id, person, isPermissionChanged }) =>
    test || person === null || !isPermissionChanged ? [] : [{ tenant, id, permissions: person.permissions }],
  )
}

function erasureValues(erasures: readonly NewErasure[]): unknown[] {
  return [
    erasures.map((e) => e.id),
    erasures.map((e) => e.tenant),
    erasures.map((e) => e.test),
    erasures.map((e) => e.userId),
    erasures.map((e) => e.until),
  ]
}

function passedValues(passed: readonly PassedRow[]): unknown[] {
  return [
    passed.map((row) => row.id),
    passed.map((row) => row.p),
    passed.map((row) => row.tenant),
    passed.map((row) => row.kind),
    passed.map((row) => row.userId),
    passed.map((row) => row.type),
    passed.map((row) => json(row.data)),
    passed.map((row) => row.time),
    passed.map((row) => row.source),
    passed.map((row) => row.test),
    passed.map((row) => row.decides),
  ]
}
