/** Events and actions as a shop's backend sends them. No rule answers these events: what is measured is accepting. */

const TYPES = ['viewed', 'added', 'removed', 'searched', 'shared'] as const

/** One event; `id` is the client's own, under which it counts once. */
export interface BenchEvent {
  type: string
  user_id: string
  id?: string
  timestamp: string
  data: Record<string, unknown>
}

/** `n` events of 5,000 users; with ids of their own where `prefix` is given. */
export function makeEvents(n: number, prefix: string | null): BenchEvent[] {
  const timestamp = new Date().toISOString()
  return Array.from({ length: n }, (_, i) => ({
    type: `custom.product.${TYPES[i % TYPES.length]}`,
    user_id: `user-${i % 5_000}`,
    ...(prefix === null ? {} : { id: `${prefix}-${i}` }),
    timestamp,
    data: { product: `sku-${i % 997}`, price: (i % 500) / 4, currency: 'EUR', path: `/shop/p/${i % 997}` },
  }))
}

/** The bodies of requests with so many of the events each. */
export function eventBodies(events: readonly BenchEvent[], each: number): string[] {
  return Array.from({ length: Math.ceil(events.length / each) }, (_, i) =>
    JSON.stringify({ events: events.slice(i * each, (i + 1) * each) }),
  )
}

export function actionBodies(n: number): string[] {
  return Array.from({ length: n }, (_, i) =>
    JSON.stringify({
      action_type: 'grant_points',
      user_id: `user-${i % 5_000}`,
      parameters: { amount: i % 500, reason: 're-engagement bonus' },
      reasoning: "User hasn't been active for 14 days but completed onboarding successfully",
      confidence: 0.82,
    }),
  )
}
