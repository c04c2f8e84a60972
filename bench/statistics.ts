import type { Measured } from './contenders/contender.ts'
import type { Figure } from './scenarios/scenario.ts'

/** The middle value, or the mean of the middle two; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Ratios are taken round by round, then their median: what slows a round slows both sides of it. */
function ratio(mine: readonly number[], theirs: readonly number[] | undefined): string {
  if (theirs === undefined || mine.length === 0 || mine.length !== theirs.length) return '–'
  return median(mine.map((value, round) => value / theirs[round]!)).toFixed(2)
}

/** The table of a run: a contender a line. */
export function table(results: ReadonlyMap<string, readonly Measured[]>, n: number): string {
  const rates = new Map(
    [...results].map(([name, rounds]) => [name, rounds.map(({ seconds }) => n / seconds)]),
  )
  const cpus = new Map(
    [...results].map(([name, rounds]) => [
      name,
      // One reading that is missing leaves no rounds to compare, so the whole column says so.
      rounds.flatMap(({ cpuMicros }) => (cpuMicros === null ? [] : [cpuMicros / n])),
    ]),
  )
  const head = [
    'contender',
    'actions/s',
    'min–max',
    '× raw',
    '× bullmq',
    '× graphile',
    'own CPU µs/action',
    'CPU × raw',
  ]
  const rows = [...rates].map(([name, rate]) => [
    name,
    String(Math.round(median(rate))),
    `${Math.round(Math.min(...rate))}–${Math.round(Math.max(...rate))}`,
    ratio(rate, rates.get('raw')),
    ratio(rate, rates.get('bullmq')),
    ratio(rate, rates.get('graphile')),
    cpus.get(name)!.length === 0 ? '–' : median(cpus.get(name)!).toFixed(0),
    ratio(cpus.get(name)!, cpus.get('raw')),
  ])
  return drawn(head, rows)
}

/** The p-th quantile, 0 to 1, by the nearest rank; NaN of none. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN
}

/** The table at the end of a run: a figure a line, with its aim and whether it was met. */
export function figures(results: readonly { scenario: string; figures: readonly Figure[] }[]): string {
  const rows = results.flatMap(({ scenario, figures: lines }) =>
    lines.map(({ what, figure, aim, isMet }) => [
      scenario,
      what,
      figure,
      aim,
      isMet === null ? '' : isMet ? 'met' : 'NOT met',
    ]),
  )
  return drawn(['scenario', 'what', 'figure', 'aim', ''], rows)
}

/** A table in Markdown, its columns as wide as they need. */
export function drawn(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  )
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
