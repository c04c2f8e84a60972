import type { Evaluation } from '../decisions/evaluate-recorded.ts'
import { type Estimated, EFFECTIVE_MIN as INTERVAL_MIN } from '../decisions/off-policy.ts'

/** Fewer decisions than this say next to nothing of a rate. */
const EFFECTIVE_MIN = 100
/** Where more of the picks were never made before, the estimates are of something else. */
const UNSEEN_MAX = 0.05
const PICKS_SHOWN = 10

/** An evaluation as lines for a terminal: the estimates, what they rest on, and what to beware of. */
export function evaluationLines(
  { counted, estimates, unseen, picks }: Evaluation,
  {
    domain,
    document,
    strategy,
    since,
  }: { domain: string; document?: string; strategy?: string; since: string },
): string[] {
  const what = [document, strategy].filter((part) => part !== undefined).join(', ')
  const { compared, ...others } = counted
  const head = `${domain}: ${what} against ${compared} decisions of the last ${since}`
  const left = leftOut(others)
  if (compared === 0) return [head, ...left, 'Nothing can be said: no decision has an outcome that counts.']
  return [
    head,
    ...left,
    '',
    'mean reward                     95 % interval',
    line('what was done', estimates.logged),
    line('the other (SNIPS)', estimates.snips),
    line('the other (IPS)', estimates.ips),
    line('gain (SNIPS)', estimates.gain),
    '',
    `As much as ${estimates.effective.toFixed(0)} decisions of its own would say.`,
    ...picks
      .slice(0, PICKS_SHOWN)
      .map(({ rule, share }) => `  ${rule.padEnd(28)} ${percent(share).padStart(6)} of its picks`),
    ...warnings({ estimates, unseen }),
  ]
}

const line = (name: string, { mean, low, high }: Estimated): string =>
  `  ${name.padEnd(20)} ${figure(mean).padStart(8)}  ${interval(low, high)}`

const interval = (low: number, high: number): string =>
  Number.isNaN(low) ? '–' : `${figure(low)} to ${figure(high)}`

const figure = (value: number): string => (Number.isFinite(value) ? value.toFixed(4) : '–')

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

function leftOut(others: Omit<Evaluation['counted'], 'compared'>): string[] {
  const words: [number, string][] = [
    [others.notSent, 'sent nothing'],
    [others.open, 'have no outcome yet'],
    [others.unanswered, 'were never answered'],
    [others.rejected, 'were rejected'],
    [others.cut, 'saw more than is kept'],
    [others.offersNothing, 'would offer nothing'],
  ]
  const told = words.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]))
  return told.length === 0 ? [] : [`left out: ${told.join(', ')}`]
}

function warnings({ estimates, unseen }: Pick<Evaluation, 'estimates' | 'unseen'>): string[] {
  const { effective, logged, snips } = estimates
  const isWithout = Number.isNaN(logged.low) || Number.isNaN(snips.low)
  return [
    ...(isWithout
      ? [
          `! No interval (–) where fewer than ${INTERVAL_MIN} decisions count, or all had the same reward: it would look certain.`,
        ]
      : []),
    ...(effective < EFFECTIVE_MIN
      ? [
          `! Too few: the estimates rest on fewer than ${EFFECTIVE_MIN} decisions, and their intervals say too little.`,
        ]
      : []),
    ...(unseen > UNSEEN_MAX
      ? [
          `! ${percent(unseen)} of its picks were never made in such a decision: what they are worth is not known.`,
        ]
      : []),
  ]
}
