import type { Pool } from 'pg'
import { encodeTime } from 'ulid'
import type { DocumentKey } from './rule-documents.ts'

/** The band in which what comes of a version has to stay; null: that is not looked at. */
export interface StopBand {
  failed_above?: number
  rewarded_below?: number
  /** Of so few nothing is concluded; 50 where it is not said. */
  after?: number
}

/** A version in force that is stopped where what comes of it leaves its band. */
export interface WatchedVersion extends DocumentKey {
  /** Of the tenant. */
  slug: string
  version: number
  stop: StopBand
  /** In ms. */
  inForceSince: number
}

/** Every version that has a band. */
export async function watchedVersions(pool: Pool): Promise<WatchedVersion[]> {
  const { rows } = await pool.query<WatchedVersion>({
    name: 'documents-watched',
    text: `select d.tenant, t.slug, d.kind, d.name, d.version, d.document->'rollout'->'stop' as stop,
             (date_part('epoch', d.in_force_since) * 1000)::float8 as "inForceSince"
           from rule_document d join tenant t on t.id = d.tenant
           where d.state in ('partial', 'active') and (d.document->'rollout'->'stop') is not null
             and d.kind = 'recommendations'`,
  })
  return rows
}

/** A version that was stopped for what came of it. */
export interface StoppedVersion {
  /** The tenant's slug. */
  tenant: string
  /** `kind/name` */
  document: string
  version: number
  why: string
  sinceMs: number
}

/** Versions that were stopped within the last three days, the latest first, 20 at most. */
export async function stoppedVersions(pool: Pool): Promise<StoppedVersion[]> {
  const { rows } = await pool.query<StoppedVersion>(
    `select t.slug as tenant, d.kind || '/' || d.name as document, d.version, d.figures->>'why' as why,
       date_part('epoch', now() - d.changed_at) * 1000 as "sinceMs"
     from rule_document d join tenant t on t.id = d.tenant
     where d.state = 'stopped' and d.changed_at > now() - interval '3 days' order by d.changed_at desc limit 20`,
  )
  return rows
}

/** What came of the actions that a version asked for. */
export interface VersionFigures {
  decisions: number
  /** Completed, failed or expired, those left out that were cancelled or withheld. */
  ended: number
  failed: number
  /** With an outcome that says whether it was worth it. */
  outcomes: number
  /** Completed counts 1, partial a half. */
  rewarded: number
}

/** Older decisions say nothing of what the version does now. */
const LOOK_BACK_MS = 7 * 86_400_000
/** A sample over all that time, so that what it costs does not follow how much is decided. */
const SLICES = 10
const DECISIONS_A_SLICE = 1_000

const FIGURES = `
with slice as (
  select * from unnest($3::text[], $4::text[]) as s(low, high)
), decided as (
  select d.action_id from slice s, lateral (
    select * from decision where tenant = $1 and id >= s.low and id < s.high order by id limit ${DECISIONS_A_SLICE}) d
  where d.domain = $2 and not d.test and d.action_id is not null and d.body->'document'->>'version' = $5
), ended as (
  select a.status, a.failure_reason, a.outcome->>'status' as outcome from decided d join action a on a.id = d.action_id
), counted as (
  select *, status = 'failed' and failure_reason in
    ('retries_exhausted', 'permanent', 'deadline', 'ambiguous', 'internal', 'rejected') as is_failed from ended
)
select (select count(*)::int from decided) as decisions,
  (count(*) filter (where is_failed or status in ('completed', 'expired')))::int as ended,
  (count(*) filter (where is_failed))::int as failed,
  (count(*) filter (where outcome in ('completed', 'partial', 'ignored')))::int as outcomes,
  coalesce(sum(case outcome when 'completed' then 1 when 'partial' then 0.5 else 0 end), 0)::float8 as rewarded
from counted`

/** What came of a version until `nowMs`, of a sample where it decided often. */
export async function figuresOf(pool: Pool, watched: WatchedVersion, nowMs: number): Promise<VersionFigures> {
  const from = Math.max(watched.inForceSince, nowMs - LOOK_BACK_MS)
  const step = Math.max(1, (nowMs - from) / SLICES)
  const bounds = Array.from({ length: SLICES + 1 }, (_, n) => firstId(from + n * step))
  // Ids of other machines may be a little ahead.
  bounds[SLICES] = firstId(nowMs + 60_000)
  const { rows } = await pool.query<VersionFigures>({
    name: 'documents-figures',
    text: FIGURES,
    values: [watched.tenant, watched.name, bounds.slice(0, -1), bounds.slice(1), String(watched.version)],
  })
  return rows[0]!
}

/** No decision of this time or later has a lower id. */
const firstId = (ms: number): string => `de_${encodeTime(Math.max(0, Math.floor(ms)), 10)}${'0'.repeat(16)}`
