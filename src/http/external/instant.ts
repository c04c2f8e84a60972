/** Milliseconds since the epoch of an ISO 8601 time; null for one that no calendar has. */
export function instantMs(text: string): number | null {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) return null
  // Date.parse takes the 30th of February for the 2nd of March, and an action would be due on the wrong day.
  if (Number(text.slice(8, 10)) <= 28) return ms
  const [year, month, day] = text.slice(0, 10).split('-').map(Number)
  const lastDay = new Date(Date.UTC(year!, month!, 0)).getUTCDate()
  return day! <= lastDay ? ms : null
}

/** Whether `text` is a time as a cursor carries it, in UTC with microseconds: what Postgres reads without fail. */
export function isLedgerTime(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/.test(text) && (instantMs(text) ?? -1) >= 0
}
