import type { Standing } from '../../actors/standing.ts'
import type { Cap } from '../documents/policy.ts'
import type { Rule } from '../documents/rule-book.ts'

/** Why a rule may not offer its action to a user now, though it would. */
export type Capped = 'cooling_down' | 'capped' | 'still_open'

/** Null: it may. A period ends when it is over: what was offered exactly so long ago counts no more. */
export function capped(
  rule: Pick<Rule, 'domain' | 'name' | 'action' | 'cooldownMs' | 'mayOverlap'>,
  caps: readonly Cap[],
  { offers }: Pick<Standing, 'offers'>,
  now: number,
): Capped | null {
  if (offers.length === 0) return null
  const isOpen = offers.some(({ open, action }) => open !== null && action === rule.action)
  if (isOpen && !rule.mayOverlap) return 'still_open'
  const name = `${rule.domain}/${rule.name}`
  if (offers.some((offer) => offer.rule === name && offer.at > now - rule.cooldownMs)) return 'cooling_down'
  const isFull = caps.some(
    ({ action, max, perMs }) =>
      (action === null || action === rule.action) &&
      offers.filter(
        (offer) =>
          offer.at > now - perMs &&
          offer.rule.startsWith(`${rule.domain}/`) &&
          (action === null || offer.action === action),
      ).length >= max,
  )
  return isFull ? 'capped' : null
}
