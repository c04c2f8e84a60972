import type { ClientBase } from 'pg'
import type { ActionState, Message, Status } from '../../../actors/action.ts'
import { DEADLINE_LANE, isAction, laneFor, SLEEP_LANE, sleeperFor } from './timers.ts'

/** One step of an action, as history keeps it. `detail` is JSON or null; never a secret. */
export interface Step {
  version: number
  kind: Message['kind']
  from: Status
  to: Status
  attempt: number
  detail: unknown
}

/** A step that is being taken; the state after it is what is told of it, and history keeps what it does not say otherwise. */
export interface TakenStep extends Step {
  after: ActionState
}

/** An action's way through one turn: from the state that was read to the one that is to be written. */
export interface Transition {
  id: string
  p: number
  /** Not written; it tells the sender where to look next. */
  lane: string
  before: ActionState
  next: ActionState
  /** At least one; their versions follow that of `before` without a gap. */
  steps: TakenStep[]
}

// History is written from what the update returned, so it cannot record what did not happen. Nothing that the update sets
// is in an index, so it writes no more than the row; the timers, which are, are deleted and inserted by their whole key.
const WRITE = `
with x as (
  select * from unnest($1::text[], $2::smallint[], $3::int[], $4::int[], $5::text[], $6::int[], $7::int[],
                       $8::float8[], $9::float8[], $10::text[], $11::text[], $12::boolean[], $20::float8[], $21::float8[])
    as x(id, p, before, version, status, attempt, budget_from, next_at, deadline, outcome, failure_reason, late,
         next_before, deadline_before)
), u as (
  update action a
  set version = x.version, status = x.status, attempt = x.attempt, budget_from = x.budget_from,
      next_at = to_timestamp(x.next_at / 1000), deadline = to_timestamp(x.deadline / 1000),
      outcome = x.outcome::json, failure_reason = x.failure_reason, late = x.late, updated_at = now()
  from x where a.id = x.id and a.p = x.p and a.version = x.before
    and a.next_at is not distinct from to_timestamp(x.next_before / 1000)
  returning a.id, a.tenant, a.type, a.p, a.lane, a.test or a.shadow as is_mute, a.next_at, a.deadline,
            to_timestamp(x.next_before / 1000) as next_before, to_timestamp(x.deadline_before / 1000) as deadline_before
), h as (
  insert into history (action_id, tenant, version, at, kind, from_status, to_status, attempt, detail, failure_reason, next_at)
  select s.id, case when ${isAction('u.type')} then u.tenant end, s.version, now(), s.kind, s.from_status, s.to_status, s.attempt,
         s.detail::json, s.failure_reason, to_timestamp(s.next_at / 1000)
  from unnest($13::text[], $14::int[], $15::text[], $16::text[], $17::text[], $18::int[], $19::text[], $22::text[], $23::float8[])
    as s(id, version, kind, from_status, to_status, attempt, detail, failure_reason, next_at)
  join u using (id)
), moved as (
  select id, p, lane, ${laneFor('lane', 'next_at')} as into_lane, next_before as old, next_at as new,
         ${sleeperFor({ tenant: 'tenant', type: 'type', lane: 'lane', at: 'next_at' })} as sleeper
  from u where not is_mute and next_before is distinct from next_at
  union all
  select id, p, ${DEADLINE_LANE}, ${DEADLINE_LANE}, deadline_before, deadline, null from u where deadline_before is distinct from deadline
), stopped as (
  delete from timer t using moved m
  where t.p = m.p and t.lane in (m.lane, ${SLEEP_LANE}) and t.at = m.old and t.id = m.id
), started as (
  insert into timer (p, lane, at, id, sleeper) select p, into_lane, new, id, sleeper from moved where new is not null
)
select id from u`

const json = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value)

export async function writeTransitions(
  client: ClientBase,
  transitions: readonly Transition[],
): Promise<string[]> {
  if (transitions.length === 0) return []
  const steps = transitions.flatMap((transition) =>
    transition.steps.map((step) => ({ id: transition.id, step })),
  )
  const { rows } = await client.query<{ id: string }>({
    name: 'turn-write',
    text: WRITE,
    values: [
      transitions.map((t) => t.id),
      transitions.map((t) => t.p),
      transitions.map((t) => t.before.version),
      transitions.map((t) => t.next.version),
      transitions.map((t) => t.next.status),
      transitions.map((t) => t.next.attempt),
      transitions.map((t) => t.next.budgetFrom),
      transitions.map((t) => t.next.nextAt),
      transitions.map((t) => t.next.deadline),
      transitions.map((t) => json(t.next.outcome)),
      transitions.map((t) => t.next.failureReason),
      transitions.map((t) => t.next.late),
      steps.map((s) => s.id),
      steps.map((s) => s.step.version),
      steps.map((s) => s.step.kind),
      steps.map((s) => s.step.from),
      steps.map((s) => s.step.to),
      steps.map((s) => s.step.attempt),
      steps.map((s) => json(s.step.detail)),
      transitions.map((t) => t.before.nextAt),
      transitions.map((t) => t.before.deadline),
      steps.map((s) => s.step.after.failureReason),
      steps.map((s) => s.step.after.nextAt),
    ],
  })
  return rows.map((row) => row.id)
}
