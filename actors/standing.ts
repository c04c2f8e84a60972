/**
 * Where a person stands in the loop: what was offered of late and what of it is still open. Pure, like all actors; times
 * are ms since the epoch.
 */
import type { Scores } from '../src/documents/scoring.ts'

/** Something that was decided for a person. */
export interface Offer {
  /** `<domain>/<name>` of the rule. */
  rule: string
  /** Name of the action type. */
  action: string
  at: number
  /** Id of the action that was made of it, until that ends; null: it has, or nothing was sent. */
  open: string | null
  /** The users of whom this was learnt; empty where a document knows no segments. */
  segment: string
}

/** A decision that an outcome asked for. */
export interface Ask {
  domain: string
  at: number
}

/** What a person's scores were when they were looked at last. */
export interface KnownLevels {
  /** Digest of the scoring document that said so: what another one says is no change of the person. */
  by: string
  of: Partial<Scores>
}

export interface Standing {
  /** In the order in which they were made. */
  offers: readonly Offer[]
  /** By trigger: of what it was told last, so that it fires once for that. */
  fired: { readonly [trigger: string]: number }
  asks: readonly Ask[]
  /** Left out where no rule follows scores. */
  levels?: KnownLevels
  /** By open action: to whom its offer went, when this id was joined to another. What came of it has to go there too. */
  passed?: { readonly [action: string]: string }
}

export const NO_STANDING: Standing = { offers: [], fired: {}, asks: [] }

/** Nothing longer ago is asked for by a rule. */
const KEPT_MS = 366 * 86_400_000
/** Most offers of a person that are remembered; those that are open go last. */
const OFFERS_MAX = 100
const ASKS_MAX = 10

/** With one more offer. */
export function withOffer(standing: Standing, offer: Offer): Standing {
  return { ...standing, offers: bounded([...standing.offers, offer], offer.at) }
}

function bounded(offers: readonly Offer[], now: number): readonly Offer[] {
  const young = offers.filter(({ at, open }) => open !== null || at > now - KEPT_MS)
  const excess = young.length - OFFERS_MAX
  if (excess <= 0) return young
  const closed = young.filter(({ open }) => open === null).slice(0, excess)
  const going = new Set(closed.length > 0 ? closed : young.slice(0, excess))
  return young.filter((offer) => !going.has(offer))
}

/** After the action of an offer has ended; the offer too, null where it is not remembered. */
export function withoutOpen(standing: Standing, action: string): { standing: Standing; offer: Offer | null } {
  const offer = standing.offers.find(({ open }) => open === action) ?? null
  if (offer === null) return { standing, offer }
  const offers = standing.offers.map((each) => (each === offer ? { ...each, open: null } : each))
  return { standing: { ...standing, offers }, offer }
}

const PASSED_MAX = 100

/** What is left under an id that is joined to another one: to whom its open offers went. */
export function passedOn(standing: Standing, to: string): Standing {
  const { passed } = standing
  return withPassed(passed === undefined ? NO_STANDING : { ...NO_STANDING, passed }, standing, to)
}

/** With what is remembered of offers that only came through: to whom those of them went that are open. */
export function withPassed(standing: Standing, { offers }: Pick<Standing, 'offers'>, to: string): Standing {
  const open = offers.flatMap(({ open: action }) => (action === null ? [] : [[action, to] as const]))
  if (open.length === 0) return standing
  const all = [...Object.entries(standing.passed ?? {}), ...open].slice(-PASSED_MAX)
  return { ...standing, passed: Object.fromEntries(all) }
}

/** To whom the offer of an action went; null: it is here, or nothing is known of it. */
export const wentTo = ({ offers, passed }: Standing, action: string): string | null =>
  offers.some(({ open }) => open === action) ? null : (passed?.[action] ?? null)

/** With a decision asked for; the earliest ones stay where there are too many. */
export function withAsk(standing: Standing, ask: Ask): Standing {
  const asks = [...standing.asks, ask].sort((a, b) => a.at - b.at).slice(0, ASKS_MAX)
  return { ...standing, asks }
}

const FIRED_MAX = 100

/** With what triggers were told; those in force are remembered longest. */
export function withFired(
  standing: Standing,
  told: Readonly<Record<string, number>>,
  inForce: ReadonlySet<string>,
): Standing {
  const fired = { ...standing.fired, ...told }
  const names = Object.keys(fired)
  if (names.length <= FIRED_MAX) return { ...standing, fired }
  const ranked = names.sort((a, b) => Number(inForce.has(b)) - Number(inForce.has(a)))
  return {
    ...standing,
    fired: Object.fromEntries(ranked.slice(0, FIRED_MAX).map((name) => [name, fired[name]!])),
  }
}

/** What two people were offered who are one. */
export function mergedStanding(a: Standing, b: Standing): Standing {
  if (b === NO_STANDING) return a
  if (a === NO_STANDING) return b
  const offers = [...a.offers, ...b.offers].sort((one, other) => one.at - other.at)
  const fired = new Map(Object.entries(a.fired))
  for (const [trigger, of] of Object.entries(b.fired))
    fired.set(trigger, Math.max(fired.get(trigger) ?? of, of))
  const asks = [...a.asks, ...b.asks].sort((one, other) => one.at - other.at).slice(0, ASKS_MAX)
  return {
    ...a,
    offers: bounded(offers, offers.at(-1)?.at ?? 0),
    fired: Object.fromEntries(fired),
    asks,
  }
}
