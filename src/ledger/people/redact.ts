import type { ClientBase } from 'pg'
import { isAction } from '../actions/timers.ts'
import type { ErasureCounts, OpenErasure } from './erasures.ts'

/** Whose rows these were: only that of which erasure can still be told. */
export const erasedUser = (erasureId: string): string => `erased:${erasureId}`

const ERASED = '^erased:er_[0-9A-Z]{26}$'

/** Whether an action was its user's who is erased: nothing is left of it that could be sent. */
export const isErasedUser = (userId: string): boolean => new RegExp(ERASED).test(userId)

/** SQL for the same of a column. */
export const isErased = (column: string): string => `${column} ~ '${ERASED}'`

/**
 * SQL for the rows of `alias` that came in and belong to an erasure: `$1` is its id, and `time` their column of when they
 * came in.
 */
export const belongs = (alias: string, time: string): string => isTheirsUntil(alias, time, 'e.until')

/**
 * SQL for the rows of `alias` that were decided and belong to an erasure, as `belongs`: a turn may decide on what came in
 * before the request to erase after that request came in, and has decided on all of it when it hears of the request.
 */
export const decidedBelongs = (alias: string, time: string): string =>
  isTheirsUntil(alias, time, 'greatest(e.until, e.asked_at)')

const isTheirsUntil = (alias: string, time: string, until: string): string =>
  `${alias}.tenant = e.tenant and ${alias}.test = e.test and (
     (${alias}.user_id = e.user_id and ${alias}.${time} <= ${until})
     or (${alias}.user_id = any(e.other_ids) and ${alias}.${time} <= e.gathered_at))`

/**
 * SQL for the actions that belong to an erasure, as `decidedBelongs`; and what endpoints are told of them, whenever that
 * is: a cancelled action is told of after it was asked to be erased.
 */
export const actionBelongs = (alias: string): string =>
  `(${decidedBelongs(alias, 'created_at')} or (not ${isAction(`${alias}.type`)} and ${alias}.tenant = e.tenant
     and ${alias}.test = e.test and ${alias}.user_id = any(e.other_ids || e.user_id)))`

/** All ids under which anything of theirs may stand. */
export const idsOf = ({ user_id, other_ids }: OpenErasure): string[] => [user_id, ...(other_ids ?? [])]

/**
 * Takes the data out of everything that belongs to an erasure, in one transaction: what it says is gone or nothing is.
 * The rows stay, so that counts, histories and marks stay true.
 */
export async function redact(client: ClientBase, erasure: OpenErasure): Promise<ErasureCounts> {
  const { id } = erasure
  const theirs = idsOf(erasure)
  const as = erasedUser(id)
  const count = async (text: string, values: unknown[]) => (await client.query(text, values)).rowCount ?? 0
  // Letters first: they name the events and actions by what these still say.
  const letters = await count(
    `update dead_letter l set body = null, error = 'erased'
     from erasure e where e.id = $1 and (
       (coalesce(l.body->'event', l.body->'due')->>'tenant' = e.tenant::text
        and coalesce(l.body->'event', l.body->'due')->>'user_id' = any(e.other_ids || e.user_id))
       or l.action_id in (select a.id from action a where a.user_id = any($2) and ${actionBelongs('a')}))`,
    [id, theirs],
  )
  const actions = await client.query<{ id: string }>(
    `update action a set user_id = $2, parameters = '{}', reasoning = null,
       outcome = case when a.outcome is not null then
         json_build_object('status', a.outcome->'status', 'result', null, 'at', a.outcome->'at') end
     from erasure e where e.id = $1 and a.user_id = any($3) and ${actionBelongs('a')} returning a.id`,
    [id, as, theirs],
  )
  const ids = actions.rows.map((row) => row.id)
  const decisions = await client.query<{ id: string }>(
    `update decision d set user_id = $2, body = '{}' from erasure e
     where e.id = $1 and d.user_id = any($3) and ${decidedBelongs('d', 'at')} returning d.id`,
    [id, as, theirs],
  )
  const decisionIds = decisions.rows.map((row) => row.id)
  await client.query(
    `update carried set outcome = json_build_object('status', outcome->'status', 'result', null)
     where decision_id = any($1) and outcome is not null`,
    [decisionIds],
  )
  // What came of either is told after they asked, and names them too; how it ended still teaches.
  await client.query(
    `update event v set user_id = $2, data = case when json_typeof(v.data->'outcome') = 'object'
       then jsonb_set(v.data::jsonb, '{outcome,result}', 'null')::json else v.data end
     from erasure e where e.id = $1 and v.user_id = any($3) and v.kind = 'report' and v.tenant = e.tenant
       and v.test = e.test and v.data->>'id' = any($4)`,
    [id, as, theirs, [...ids, ...decisionIds]],
  )
  return {
    dead_letters: letters,
    actions: ids.length,
    steps: await count('update history set detail = null where action_id = any($1) and detail is not null', [
      ids,
    ]),
    facts: await count(
      `update fact set body = json_build_object('status', body->'status', 'result', null)
       where action_id = any($1) and body is not null`,
      [ids],
    ),
    decisions: decisionIds.length,
    events: await count(
      `update event v set user_id = $2, data = '{}', dedupe_id = null
       from erasure e where e.id = $1 and v.user_id = any($3) and ${belongs('v', 'received_at')}`,
      [id, as, theirs],
    ),
  }
}
