/** What is known of the moment in which a body came. */
export interface Arrival {
  /** Ms since the epoch, by our clock. */
  receivedAt: number
  /** False for what is read from a file: when it was sent says nothing about the sender's clock then. */
  isLive: boolean
}

const DAY_MS = 86_400_000
const YEAR_1971 = 31_536_000_000
/** A smaller difference between their clock and ours is the time that a request takes. */
const SKEW_MIN_MS = 10_000
/** As seconds this would be the year 5138, as milliseconds it is 1973. */
const LEAST_MS = 1e11

const ISO =
  /^([1-9]\d{3})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,3})\d*)?)?)? ?(?:(Z)|([+-])(\d\d):?(\d\d)?)?$/i

/**
 * Ms since the epoch of a time as vendors write it: ISO 8601, in UTC where it names no zone, or a number of seconds or
 * milliseconds. Null for what is none.
 */
export function vendorTime(value: unknown): number | null {
  if (typeof value === 'string') {
    const text = value.trim()
    return /^\d{1,16}(\.\d+)?$/.test(text) ? vendorTime(Number(text)) : isoTime(text)
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return null
  return Math.round(Math.abs(value) >= LEAST_MS ? value : value * 1_000)
}

function isoTime(text: string): number | null {
  const found = ISO.exec(text)
  if (found === null) return null
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const [fraction, , sign, offsetHours, offsetMinutes] = found.slice(7)
  // Date would take the 30th of February for the 2nd of March.
  const isReal =
    month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
  if (!isReal || hour > 23 || minute > 59 || second > 59) return null
  const offset =
    (Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0)) * (sign === '-' ? -60_000 : 60_000)
  return (
    Date.UTC(year, month - 1, day, hour, minute, second, Number((fraction ?? '').padEnd(3, '0'))) - offset
  )
}

/** `at` by our clock, where the sender's is wrong: it sent the body at `sentAt` by its own, null for unknown. */
export function withoutSkew(at: number, sentAt: number | null, { receivedAt, isLive }: Arrival): number {
  if (sentAt === null || !isLive) return at
  const skew = receivedAt - sentAt
  return Math.abs(skew) < SKEW_MIN_MS ? at : at + skew
}

/** Null, the time of receipt, for a time before 1971 or more than a day ahead: no clock that is set says so. */
export function believed(at: number | null, { receivedAt }: Arrival): number | null {
  return at === null || at < YEAR_1971 || at > receivedAt + DAY_MS ? null : at
}
