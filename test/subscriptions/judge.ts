/** What is promised of subscriptions, held against what came: pure. Times are ms since the epoch. */

/** One POST that an endpoint got. */
export interface Receipt {
  endpoint: string
  /** The event's own name, as its client sent it. */
  event: string
  /** The id that it was sent under. */
  id: string
  at: number
  /** Whether it was signed as it must be, and its headers and its body agree. */
  isGenuine: boolean
}

export interface Observed {
  /** The endpoints that each accepted event is to be told to. */
  expected: ReadonlyMap<string, readonly string[]>
  receipts: readonly Receipt[]
  /** When a worker was killed. */
  kills: readonly number[]
}

export interface Verdict {
  findings: string[]
  /** How many of the expected pairs of event and endpoint came. */
  told: number
  /** Those that came again. */
  repeated: number
  /** The longest time from the first to the last POST of one event, in ms. */
  slowestMs: number
}

/**
 * What was sent, or whose answer was not written down, when its worker was killed may come again: so long before the kill it
 * came the time before. Nothing is sent while an answer has waited for two seconds to be written down.
 */
const UNWRITTEN_MS = 3_000
/** A POST that was being sent when its worker was killed may arrive a little later. */
const ARRIVES_MS = 500

const isExplained = (at: number, kills: readonly number[]) =>
  kills.some((kill) => at > kill - UNWRITTEN_MS && at < kill + ARRIVES_MS)

/** Each event came to each endpoint that wants it, and again only where a kill explains it, under the same id. */
export function judge({ expected, receipts, kills }: Observed): Verdict {
  const findings: string[] = []
  const pairs = Map.groupBy(receipts, ({ event, endpoint }) => `${event} ${endpoint}`)
  let told = 0
  for (const [event, endpoints] of expected) {
    const missing = endpoints.filter((endpoint) => !pairs.has(`${event} ${endpoint}`))
    told += endpoints.length - missing.length
    if (missing.length > 0)
      findings.push(`${event} was not told to ${missing.length}, ${missing[0]} among them`)
  }
  const wanted = new Set([...expected].flatMap(([event, all]) => all.map((each) => `${event} ${each}`)))
  let repeated = 0
  for (const [pair, posts] of pairs) {
    if (!wanted.has(pair)) findings.push(`${pair} came and was not expected`)
    const earlier = posts.toSorted((a, b) => a.at - b.at).slice(0, -1)
    repeated += earlier.length
    for (const { at } of earlier)
      if (!isExplained(at, kills)) findings.push(`${pair} came again, and no kill at ${at} explains it`)
  }
  findings.push(...idsOf(receipts))
  return { findings, told, repeated, slowestMs: slowest(receipts) }
}

function idsOf(receipts: readonly Receipt[]): string[] {
  const findings: string[] = []
  for (const [event, posts] of Map.groupBy(receipts, (receipt) => receipt.event)) {
    const ids = new Set(posts.map(({ id }) => id))
    if (ids.size > 1) findings.push(`${event} was sent under ${ids.size} ids: ${[...ids].join(', ')}`)
    const forged = posts.filter(({ isGenuine }) => !isGenuine).length
    if (forged > 0) findings.push(`${event} came ${forged} times without a signature that verifies`)
  }
  return findings
}

function slowest(receipts: readonly Receipt[]): number {
  const spans = [...Map.groupBy(receipts, ({ event }) => event).values()].map((posts) => {
    const times = posts.map(({ at }) => at)
    return Math.max(...times) - Math.min(...times)
  })
  return Math.max(0, ...spans)
}
