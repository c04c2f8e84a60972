/**
 * A timer is a row `(p, lane, at, id)` beside its action, written in the statement that writes the action. One for sending
 * stands there exactly while the action is pending or retrying and may be sent at all; one for the deadline exactly while
 * the action has not ended. Decision 0007 says why they are not columns with an index.
 */

/** The lane of deadlines, less than every lane of sends; a number that SQL reads as a bigint. */
export const DEADLINE_LANE = '-9223372036854775807'

/**
 * Sends that are not due for a while sleep here, in one order of time for the whole partition, and are moved into their
 * own lane shortly before: the walk over lanes then meets only those with work, however many actions sleep.
 */
export const SLEEP_LANE = '-9223372036854775806'

/** What is pulled by its receiver and never sent stands here, before all lanes that are walked. */
export const PULL_LANE = '-9223372036854775808'

/** How long before it is due a send is moved into its lane. Far more than the sweep's second, for a clock that jumps. */
const AWAKE_BEFORE = `interval '10 seconds'`

/** SQL for the lane in which a send's timer is to stand. */
export const laneFor = (lane: string, at: string): string =>
  `case when ${at} > now() + ${AWAKE_BEFORE} then ${SLEEP_LANE} else ${lane} end`

/** A place of an action: SQL for its columns. */
interface Standing {
  tenant: string
  type: string
  lane: string
  at: string
}

/**
 * SQL for whose send stands there apart from the lanes: of an action its tenant, by which a backlog is counted; of what an
 * endpoint is told the endpoint, by which it is pulled. Null in a lane, which has one tenant anyway.
 */
export const sleeperFor = ({ tenant, type, lane, at }: Standing): string =>
  `case when ${at} > now() + ${AWAKE_BEFORE} or ${lane} = ${PULLED}
        then case when ${isAction(type)} then ${tenant} else ${waiterFor(type)} end end`

const PULLED = `'${PULL_LANE}'::bigint`

/** SQL for the sleeper of what an endpoint is told. */
export const waiterFor = (endpoint: string): string => `md5(${endpoint})::uuid`

/** SQL for whether a row of \`action\` is one that clients know, and not what an endpoint is told. */
export const isAction = (type: string): string => `${type} < 'we_'`

/** SQL for the time up to which sleeping sends are to be moved. */
export const AWAKE_UNTIL = `now() + ${AWAKE_BEFORE}`
