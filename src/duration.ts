/** Milliseconds of each unit of a duration. */
export const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

export type DurationUnit = keyof typeof DURATION_UNITS

/** JSON Schema pattern of a duration as people write it: a whole number and a unit, `"30s"`, `"2m"`, `"72h"`. */
export const DURATION_PATTERN = '^[0-9]{1,9}(ms|s|m|h|d)$'

/** Milliseconds of a duration such as `"30s"`; null where the text is not one. */
export function durationMs(text: string): number | null {
  const match = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(text)
  if (match === null) return null
  return Number(match[1]) * DURATION_UNITS[match[2] as DurationUnit]
}

/** The shortest way to write a number of milliseconds, up to hours: 120000 is `"2m"`, 259200000 is `"72h"`. */
export function durationText(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms >= DURATION_UNITS[unit] && ms % DURATION_UNITS[unit] === 0)
      return `${ms / DURATION_UNITS[unit]}${unit}`
  }
  return `${ms}ms`
}
