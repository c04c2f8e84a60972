import { DateTime } from 'luxon'
import type { QuietHours } from '../documents/policy.ts'

/** When quiet hours end in which `now` lies, in ms; null where it lies in none. `timezone` null: that of the document. */
export function quietUntil(
  { from, to, timezone }: QuietHours,
  zone: string | null,
  now: number,
): number | null {
  const local = DateTime.fromMillis(now, { zone: zone ?? timezone })
  const minutes = local.hour * 60 + local.minute
  const isQuiet = from < to ? from <= minutes && minutes < to : from <= minutes || minutes < to
  if (!isQuiet) return null
  const end = local.set({ hour: Math.floor(to / 60), minute: to % 60, second: 0, millisecond: 0 })
  // The day after where it began in the evening. A clock that is put back may show an end that is over.
  return (end > local ? end : end.plus({ days: 1 })).toMillis()
}
