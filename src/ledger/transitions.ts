import type { ClientBase } from 'pg'
import type { ActionState, Message, Status } from '../../actors/action.ts'

/** One step of an action, as history keeps it. `detail` is JSON or null; never a secret. */
export interface Step {
  version: number
  kind: Message['kind']
  from: Status
  to: Status
  attempt: number
  detail: unknown
}

/** An action's way through one turn: from the version that was read to the state that is to be written. */
export interface Transition {
  id: string
  p: number
  /** Not written; it tells the sender where to look next. */
  lane: string
  versionBefore: number
  next: ActionState
  /** At least one; their versions follow versionBefore without a gap. */
  steps: Step[]
}

// History is written from what the update returned, so it cannot record what did not happen.
const WRITE = `
with x as (
  select * from unnest($1::text[], $2::smallint[], $3::int[], $4::int[], $5::text[], $6::int[], $7::int[],
                       $8::float8[], $9::float8[], $10::text[], $11::text[], $12::boolean[])
    as x(id, p, before, version, status, attempt, budget_from, next_at, deadline, outcome, failure_reason, late)
), u as (
  update action a
  set version = x.version, status = x.status, attempt = x.attempt, budget_from = x.budget_from,
      next_at = to_timestamp(x.next_at / 1000), deadline = to_timestamp(x.deadline / 1000),
      outcome = x.outcome::json, failure_reason = x.failure_reason, late = x.late, updated_at = now()
  from x where a.id = x.id and a.p = x.p and a.version = x.before
  returning a.id
), h as (
  insert into history (action_id, version, at, kind, from_status, to_status, attempt, detail)
  select s.id, s.version, now(), s.kind, s.from_status, s.to_status, s.attempt, s.detail::json
  from unnest($13::text[], $14::int[], $15::text[], $16::text[], $17::text[], $18::int[], $19::text[])
    as s(id, version, kind, from_status, to_status, attempt, detail)
  join u using (id)
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
      transitions.map((t) => t.versionBefore),
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
    ],
  })
  return rows.map((row) => row.id)
}
