import type { Pool } from 'pg'
import type { Message, Outcome, OutcomeStatus, Status } from '../../../actors/action.ts'
import type { Request } from './accept-facts.ts'
import { ACTION_COLUMNS, type ActionRow, type RawAction, toActionRow } from './rows.ts'

/** An action as it is read: its row, the name of its type, and what clients said that its owner has not applied yet. */
export interface ReadAction extends ActionRow {
  typeName: string
  provider: string
  origin: string
  test: boolean
  shadow: boolean
  /** Times in ms since the epoch. */
  scheduledAt: number | null
  createdAt: number
  updatedAt: number
  /** An outcome that was acknowledged and waits to be applied. */
  saidOutcome: Outcome | null
  /** The last request that waits to be decided on. */
  requested: Request | null
}

/** One step of an action's history; `at` in ms. */
export interface ReadStep {
  version: number
  at: number
  kind: Message['kind']
  from: Status
  to: Status
  attempt: number
  detail: Record<string, unknown> | null
}

type WaitingFact =
  | { kind: 'outcome'; at: number; body: { status: OutcomeStatus; result: unknown } }
  | { kind: Request; at: number; body: null }

interface RawRead extends RawAction {
  type_name: string
  provider: string
  origin: string
  test: boolean
  shadow: boolean
  scheduled_at: number | null
  created_at: number
  updated_at: number
  facts: WaitingFact[] | null
}

/** The select list and joins of a ReadAction; `a` is the action. */
export const READ_COLUMNS = `${ACTION_COLUMNS}, t.name as type_name, t.provider, a.origin, a.test, a.shadow,
  (date_part('epoch', a.scheduled_at) * 1000)::float8 as scheduled_at,
  (date_part('epoch', a.created_at) * 1000)::float8 as created_at,
  (date_part('epoch', a.updated_at) * 1000)::float8 as updated_at,
  (select json_agg(json_build_object('kind', f.kind, 'at', date_part('epoch', f.at) * 1000, 'body', f.body) order by f.seq)
   from fact f where f.action_id = a.id and not f.applied and f.kind in ('outcome', 'cancel', 'retry')) as facts`

export function toReadAction(raw: RawRead): ReadAction {
  const facts = raw.facts ?? []
  const outcome = facts.find((fact) => fact.kind === 'outcome')
  const request = facts.findLast((fact) => fact.kind !== 'outcome')
  return {
    ...toActionRow(raw),
    typeName: raw.type_name,
    provider: raw.provider,
    origin: raw.origin,
    test: raw.test,
    shadow: raw.shadow,
    scheduledAt: raw.scheduled_at,
    createdAt: raw.created_at,
    updatedAt: raw.updated_at,
    saidOutcome: outcome === undefined ? null : { ...outcome.body, at: outcome.at },
    requested: request?.kind ?? null,
  }
}

/** A tenant's action; null where the tenant has none with this id. */
export async function readAction(pool: Pool, tenant: string, id: string): Promise<ReadAction | null> {
  const { rows } = await pool.query<RawRead>({
    name: 'read-action',
    text: `select ${READ_COLUMNS} from action a join action_type t on t.id = a.type where a.id = $1 and a.tenant = $2`,
    values: [id, tenant],
  })
  return rows[0] === undefined ? null : toReadAction(rows[0])
}

/** The same with every step of its history, oldest first, both of one moment. */
export async function readActionHistory(
  pool: Pool,
  tenant: string,
  id: string,
): Promise<{ action: ReadAction; history: ReadStep[] } | null> {
  const { rows } = await pool.query<RawRead & { history: ReadStep[] | null }>({
    name: 'read-action-history',
    text: `select ${READ_COLUMNS},
             (select json_agg(json_build_object('version', h.version, 'at', date_part('epoch', h.at) * 1000, 'kind', h.kind,
                'from', h.from_status, 'to', h.to_status, 'attempt', h.attempt, 'detail', h.detail) order by h.version)
              from history h where h.action_id = a.id) as history
           from action a join action_type t on t.id = a.type where a.id = $1 and a.tenant = $2`,
    values: [id, tenant],
  })
  const row = rows[0]
  return row === undefined ? null : { action: toReadAction(row), history: row.history ?? [] }
}
