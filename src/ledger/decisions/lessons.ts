import type { ClientBase, Pool } from 'pg'

/** What outcomes taught of a rule in a segment; numbers as of `at`, in ms. */
export interface Lesson {
  tenant: string
  domain: string
  rule: string
  /** Empty where users are not told apart. */
  segment: string
  successes: number
  failures: number
  /** Not counted, but shown. */
  rejected: number
  unanswered: number
  at: number
  /** After so long all of it counts half. */
  halfLifeMs: number
}

/** What one turn learnt, to be added to the share of a partition. */
export interface NewLesson extends Lesson {
  p: number
}

const WRITE = `
insert into lesson as l (tenant, domain, rule, segment, p, successes, failures, rejected, unanswered, at, half_life_ms)
select tenant, domain, rule, segment, p, successes, failures, rejected, unanswered, to_timestamp(at / 1000), half_life_ms
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::float8[], $7::float8[], $8::float8[], $9::float8[],
            $10::float8[], $11::float8[])
  as x(tenant, domain, rule, segment, p, successes, failures, rejected, unanswered, at, half_life_ms)
on conflict (tenant, domain, rule, segment, p) do update set
  (successes, failures, rejected, unanswered, at, half_life_ms) = (
    select k * l.successes + excluded.successes, k * l.failures + excluded.failures, k * l.rejected + excluded.rejected,
           greatest(0, k * l.unanswered + excluded.unanswered), greatest(l.at, excluded.at), excluded.half_life_ms
    from (select power(0.5::float8, least(1000, greatest(0,
            date_part('epoch', excluded.at - l.at) * 1000 / excluded.half_life_ms))) as k) f)`

/** Adds what a turn learnt; one row for each share, whose owner is its only writer. */
export async function writeLessons(client: ClientBase, lessons: readonly NewLesson[]): Promise<void> {
  const merged = together(lessons)
  if (merged.length === 0) return
  await client.query({
    name: 'lessons-write',
    text: WRITE,
    values: [
      merged.map((l) => l.tenant),
      merged.map((l) => l.domain),
      merged.map((l) => l.rule),
      merged.map((l) => l.segment),
      merged.map((l) => l.p),
      merged.map((l) => l.successes),
      merged.map((l) => l.failures),
      merged.map((l) => l.rejected),
      merged.map((l) => l.unanswered),
      merged.map((l) => l.at),
      merged.map((l) => l.halfLifeMs),
    ],
  })
}

/** One of each share: a statement may not touch a row twice. What is of one turn is of one time. */
export function together(lessons: readonly NewLesson[]): NewLesson[] {
  const byShare = new Map<string, NewLesson>()
  for (const lesson of lessons) {
    const share = JSON.stringify([lesson.tenant, lesson.domain, lesson.rule, lesson.segment, lesson.p])
    const before = byShare.get(share)
    byShare.set(share, before === undefined ? lesson : sum(before, lesson))
  }
  return [...byShare.values()]
}

const sum = (a: NewLesson, b: NewLesson): NewLesson => ({
  ...a,
  successes: a.successes + b.successes,
  failures: a.failures + b.failures,
  rejected: a.rejected + b.rejected,
  unanswered: a.unanswered + b.unanswered,
  at: Math.max(a.at, b.at),
})

/** What is learnt of, as it is read: what all partitions have learnt together, as of now. */
export interface ReadLesson extends Lesson {
  /** Of all users of a partner who shares it, for a tenant that learns from it; the segment is empty. */
  isPartners: boolean
}

const AS_OF_NOW = ['successes', 'failures', 'rejected', 'unanswered']
  .map(
    (column) =>
      `sum(l.${column} * power(0.5::float8, least(1000, greatest(0, age / l.half_life_ms)))) as ${column}`,
  )
  .join(', ')
const AGE = `lateral (select date_part('epoch', now() - l.at) * 1000 as age) a`

const READ = `
with x as (
  select l.tenant, l.domain, l.rule, l.segment, ${AS_OF_NOW}, max(l.half_life_ms) as half_life_ms, false as is_partners
  from lesson l, ${AGE} where l.tenant = any($1::uuid[]) group by l.tenant, l.domain, l.rule, l.segment
  union all
  select t.id, l.domain, l.rule, '', ${AS_OF_NOW}, max(l.half_life_ms), true
  from tenant t join tenant partner on partner.id = t.learns_from and partner.shares_learning
    join lesson l on l.tenant = partner.id, ${AGE}
  where t.id = any($1::uuid[]) group by t.id, l.domain, l.rule
)
select tenant, domain, rule, segment, successes, failures, rejected, unanswered, (date_part('epoch', now()) * 1000)::float8 as at,
  half_life_ms as "halfLifeMs", is_partners as "isPartners" from x`

/** All that these tenants have learnt, and what partners let them learn of. */
export async function readLessons(pool: Pool, tenants: readonly string[]): Promise<ReadLesson[]> {
  const { rows } = await pool.query<ReadLesson>({ name: 'lessons-read', text: READ, values: [tenants] })
  return rows
}
