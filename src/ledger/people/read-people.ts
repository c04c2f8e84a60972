import type { Pool } from 'pg'
import type { Person } from '../../../actors/person.ts'
import { READ_COLUMNS, type ReadAction, toReadAction } from '../actions/read-actions.ts'
import { isAction } from '../actions/timers.ts'
import { askByUser } from './by-user.ts'
import { loadPeople, PERSON_COLUMNS, type RawPerson, toPerson } from './people.ts'
import { type PersonKey, personKey } from './person-key.ts'

/** A person as it is read; times in ms. */
export interface ReadPerson {
  id: string
  person: Person
  createdAt: number
  updatedAt: number
}

type Raw = RawPerson & { createdAt: number; updatedAt: number }

const COLUMNS = `${PERSON_COLUMNS}, (date_part('epoch', o.created_at) * 1000)::float8 as "createdAt",
  (date_part('epoch', o.updated_at) * 1000)::float8 as "updatedAt"`

function toRead({ createdAt, updatedAt, ...raw }: Raw): ReadPerson {
  return { id: raw.id, person: toPerson(raw), createdAt, updatedAt }
}

/** More joins than this are not followed: somebody is found on the way, at the latest. */
const JOINS_MAX = 32

/** Who an id is by now: itself, or whoever it was joined to. An id of which nothing is known is itself. */
export async function currentId(pool: Pool, { tenant, test, id }: PersonKey): Promise<string> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'people-current',
    text: `with recursive c(id, n) as (
             select $3::text collate "C", 0 union all
             select o.merged_into, c.n + 1 from c join person o on o.tenant = $1 and o.test = $2 and o.id = c.id
             where o.merged_into is not null and c.n < ${JOINS_MAX})
           select id from c order by n desc limit 1`,
    values: [tenant, test, id],
  })
  return rows[0]?.id ?? id
}

/** All ids that are this person's, its own first, at most `limit`. */
export async function idsOf(pool: Pool, key: PersonKey, limit: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'people-ids',
    text: `with recursive c(id) as (
             select $3::text collate "C" union
             select o.id from c join person o on o.tenant = $1 and o.test = $2 and o.merged_into = c.id)
           select id from c limit $4`,
    values: [key.tenant, key.test, key.id, limit],
  })
  return rows.map(({ id }) => id)
}

/** What is known under this id itself; null where that is nothing. */
export async function readPerson(pool: Pool, key: PersonKey): Promise<ReadPerson | null> {
  const { rows } = await pool.query<Raw>({
    name: 'people-read',
    text: `select ${COLUMNS} from person o where o.tenant = $1 and o.test = $2 and o.id = $3`,
    values: [key.tenant, key.test, key.id],
  })
  return rows[0] === undefined ? null : toRead(rows[0])
}

/** What is known of whoever an id belongs to by now; null where that is nothing. One question, unless it was joined. */
export async function readCurrent(pool: Pool, key: PersonKey): Promise<Person | null> {
  const read = await readPerson(pool, key)
  if (read === null || read.person.mergedInto === null) return read?.person ?? null
  return (await readPerson(pool, { ...key, id: await currentId(pool, key) }))?.person ?? null
}

/** What is known of whoever these ids belong to by now, by the keys that were asked with. */
export async function readAllCurrent(pool: Pool, keys: readonly PersonKey[]): Promise<Map<string, Person>> {
  const found = await loadPeople(pool, keys)
  const current = new Map<string, Person>()
  for (const key of keys) {
    const person = found.get(personKey(key))
    // Few were joined to another; each of those is asked about by itself.
    const known = person?.mergedInto == null ? person : await readCurrent(pool, key)
    if (known != null) current.set(personKey(key), known)
  }
  return current
}

/** Which people are asked for; null: any. Times in ms. */
export interface PeopleFilter {
  /** How an id begins. */
  prefix: string | null
  isAnonymous: boolean | null
  seenSince: number | null
  seenBefore: number | null
  trait: { name: string; value: string } | null
  /** Where the page before ended. */
  after: string | null
  limit: number
}

export interface PeoplePage {
  people: ReadPerson[]
  /** Where to go on; null where nothing follows. */
  end: string | null
}

/** Most people looked at for one page, whether they pass the filters or not: a page is never dear, and may be short. */
const SCANNED_MAX = 5_000

const LIST = `
with scanned as materialized (
  select o.id from person o
  where o.tenant = $1 and o.test = $2 and o.id > $3 and o.merged_into is null and ($4::text is null or starts_with(o.id, $4))
    and ($4::text is null or o.id < $4 || U&'\\+10FFFF')
  order by o.id limit ${SCANNED_MAX}
), found as (
  select ${COLUMNS} from scanned s join person o on o.tenant = $1 and o.test = $2 and o.id = s.id
  where ($5::boolean is null or o.is_anonymous = $5) and ($6::float8 is null or o.last_seen >= to_timestamp($6 / 1000))
    and ($7::float8 is null or o.last_seen < to_timestamp($7 / 1000)) and ($8::text is null or o.traits->>$8 = $9)
  order by o.id limit $10 + 1
)
select (select max(id) from scanned) as "lastId", (select count(*)::int from scanned) as scanned,
       coalesce((select json_agg(f order by f.id) from found f), '[]') as people`

/** A page of those who live under their own id, by id. */
export async function listPeople(
  pool: Pool,
  whose: { tenant: string; test: boolean },
  filter: PeopleFilter,
): Promise<PeoplePage> {
  const { rows } = await pool.query<{ lastId: string | null; scanned: number; people: Raw[] }>({
    name: 'people-list',
    text: LIST,
    values: [
      whose.tenant,
      whose.test,
      filter.after ?? '',
      filter.prefix,
      filter.isAnonymous,
      filter.seenSince,
      filter.seenBefore,
      filter.trait?.name ?? null,
      filter.trait?.value ?? null,
      filter.limit,
    ],
  })
  const { lastId, scanned, people } = rows[0]!
  const page = people.slice(0, filter.limit)
  const wasCut = scanned === SCANNED_MAX ? lastId : null
  return { people: page.map(toRead), end: people.length > filter.limit ? page.at(-1)!.id : wasCut }
}

/** An event as a profile shows it; `at` in ms. */
export interface ProfileEvent {
  id: string
  userId: string
  type: string
  data: unknown
  source: string
  at: number
}

/** The latest events under any of these ids, newest first. */
export async function recentEvents(
  pool: Pool,
  { tenant, test, ids }: { tenant: string; test: boolean; ids: readonly string[] },
  limit: number,
): Promise<ProfileEvent[]> {
  const { rows } = await pool.query<ProfileEvent>({
    name: 'people-events',
    text: `select e.id, e.user_id as "userId", e.type, e.data, e.source, (date_part('epoch', e.time) * 1000)::float8 as at
           from unnest($3::text[]) as i(user_id), lateral (
             select * from event where tenant = $1 and user_id = i.user_id and test = $2 and kind = 'event'
             order by id desc limit $4) e
           order by e.id desc limit $4`,
    values: [tenant, test, ids, limit],
  })
  return rows
}

/** A decision as a profile shows it; `at` in ms. */
export interface ProfileDecision {
  id: string
  domain: string
  eventId: string | null
  actionId: string | null
  body: unknown
  at: number
}

/** The latest decisions about any of these ids, newest first. */
export async function recentDecisions(
  pool: Pool,
  { tenant, test, ids }: { tenant: string; test: boolean; ids: readonly string[] },
  limit: number,
): Promise<ProfileDecision[]> {
  const { rows } = await askByUser<ProfileDecision>(
    pool,
    `with theirs as materialized (
       select * from decision where tenant = $1 and user_id = any($3::text[]) and test = $2)
     select id, domain, event_id as "eventId", action_id as "actionId", body,
       (date_part('epoch', at) * 1000)::float8 as at
     from theirs order by id desc limit $4`,
    [tenant, test, ids, limit],
  )
  return rows
}

/** The latest actions for any of these ids, newest first. */
export async function recentActions(
  pool: Pool,
  { tenant, test, ids }: { tenant: string; test: boolean; ids: readonly string[] },
  limit: number,
): Promise<ReadAction[]> {
  const { rows } = await askByUser<Parameters<typeof toReadAction>[0]>(
    pool,
    `with theirs as materialized (
       select * from action where tenant = $1 and user_id = any($3::text[]) and test = $2 and ${isAction('type')})
     select ${READ_COLUMNS} from theirs a join action_type t on t.id = a.type order by a.id desc limit $4`,
    [tenant, test, ids, limit],
  )
  return rows.map(toReadAction)
}
