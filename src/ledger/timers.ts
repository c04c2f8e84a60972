/**
 * A timer is a row `(p, lane, at, id)` beside its action, written in the statement that writes the action. One stands in
 * the action's lane exactly while the action is pending or retrying and may be sent at all; one stands in DEADLINE_LANE
 * exactly while the action has not ended.
 */

/** The lane of deadlines, less than every lane of sends: the walk over lanes begins behind it. */
export const DEADLINE_LANE = '-9223372036854775808'
