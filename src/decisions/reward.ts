/** What an outcome is worth, by its status. */
const REWARDS: Readonly<Record<string, number>> = { completed: 1, partial: 0.5, ignored: 0 }

/**
 * The reward of an outcome, 0 to 1; null where it does not count: what was rejected says nothing of the user. Whether
 * the user reacted is half of it where `result.user_reacted` says so.
 */
export function rewardOf({ status, result }: { status: string; result?: unknown }): number | null {
  const reward = REWARDS[status]
  if (reward === undefined) return null
  const reacted = (result as { user_reacted?: unknown } | null | undefined)?.user_reacted
  return typeof reacted === 'boolean' ? (reward + (reacted ? 1 : 0)) / 2 : reward
}
