/** The record that the other queues keep in Postgres, as their users do: a row an action, a row an attempt. */
import type { Pool } from 'pg'
import type { Dispatched } from '../../src/dispatch/request.ts'
import { DELAYS_MS, type Posted } from '../job.ts'

/** Fewer indexes than Volley's ledger has: what is not needed to do the job is not charged to the others. */
export const TABLES = `
create table job (id text primary key, tenant uuid not null, type text not null, user_id text not null, parameters json not null,
  reasoning text, confidence float8, status text not null default 'pending', attempts int not null default 0,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now());
create index job_open on job (status) where status = 'pending';
create table attempt (job text not null, n int not null, at timestamptz not null default now(), http_status int,
  latency_ms float8, primary key (job, n));`

/** 1,000 rows in one statement, the fastest way short of COPY. */
export async function insertJobs(pool: Pool, jobs: readonly Dispatched[]): Promise<void> {
  await pool.query({
    name: 'insert-jobs',
    text: `insert into job (id, tenant, type, user_id, parameters, reasoning, confidence)
           select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::json[], $6::text[], $7::float8[])`,
    values: [
      jobs.map((job) => job.id),
      jobs.map((job) => job.tenant),
      jobs.map((job) => job.typeName),
      jobs.map((job) => job.userId),
      jobs.map((job) => job.parameters),
      jobs.map((job) => job.reasoning),
      jobs.map((job) => job.confidence),
    ],
  })
}

/** What came of the `attempt`-th try (from 1), in one statement and so in one commit; a repeat changes nothing. */
export async function recordAttempt(pool: Pool, id: string, attempt: number, posted: Posted): Promise<void> {
  const failed = attempt > DELAYS_MS.length ? 'failed' : 'retrying'
  await pool.query({
    name: 'record',
    text: `with j as (update job set status = $3, attempts = $2, updated_at = now() where id = $1 and attempts < $2 returning id)
           insert into attempt (job, n, http_status, latency_ms) select id, $2, $4, $5 from j`,
    values: [id, attempt, posted.isDelivered ? 'dispatched' : failed, posted.httpStatus, posted.latencyMs],
  })
}
