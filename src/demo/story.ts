import { styleText } from 'node:util'
import type { AppReport } from './loyalty-app.ts'

interface Detail {
  action: {
    id: string
    action_type: string
    user_id: string
    parameters: Record<string, unknown>
    reasoning: string | null
    confidence: number | null
    origin: string
    status: string
    outcome_status: string | null
  }
  attempts: { attempt: number; http_status: number | null; latency_ms: number | null; error: string | null }[]
}

/** Draws what happened, for a person at a terminal. */
export class Story {
  accepted = 0
  granted = 0
  busy = 0
  badSignatures = 0
  outcomes = 0
  readonly #print: (line: string) => void

  constructor(print: (line: string) => void) {
    this.#print = print
  }

  title(text: string): void {
    this.#print(styleText('bold', text))
  }

  line(text: string): void {
    this.#print(text)
  }

  /** Counts what the outside system reports of itself. */
  heard(report: Exclude<AppReport, { kind: 'ready' }>): void {
    if (report.kind === 'outcome') this.outcomes++
    else if (report.verdict === 'granted') this.granted++
    else if (report.verdict === 'busy') this.busy++
    else this.badSignatures++
  }

  /** The way of one action, from the reason to the outcome. */
  sample({ action, attempts }: Detail): void {
    this.#print('')
    this.#print(
      `${styleText('cyan', action.action_type)} for ${action.user_id}  ${JSON.stringify(action.parameters)}`,
    )
    this.#print(`  decided     by ${action.origin} with confidence ${action.confidence}: ${action.reasoning}`)
    for (const { attempt, http_status, latency_ms, error } of attempts) {
      const mark = error === null ? styleText('green', '✔') : styleText('yellow', '↻')
      this.#print(`  attempt ${attempt}   ${mark} ${http_status ?? error} in ${latency_ms} ms`)
    }
    this.#print(`  outcome     ${action.outcome_status ?? '–'} → ${action.status}`)
  }

  /** The sums of the run. */
  totals(
    events: number,
    actions: readonly {
      status: string
      outcome_status: string | null
      attempts: number
      action_type: string
    }[],
  ): void {
    const count = (key: 'status' | 'outcome_status' | 'action_type') => {
      const counts = new Map<string, number>()
      for (const action of actions)
        counts.set(String(action[key]), (counts.get(String(action[key])) ?? 0) + 1)
      return [...counts].map(([name, n]) => `${name} ${n}`).join(', ')
    }
    const attempts = actions.reduce((sum, action) => sum + action.attempts, 0)
    this.#print('')
    this.title('Totals')
    this.#print(`  events      ${events} pushed, ${this.accepted} accepted`)
    this.#print(`  actions     ${actions.length} decided: ${count('action_type')}`)
    this.#print(
      `  attempts    ${attempts}, of which ${this.busy} met a busy app and were repeated; ${this.badSignatures} bad signatures`,
    )
    this.#print(`  outcomes    ${this.outcomes}: ${count('outcome_status')}`)
    this.#print(`  ended as    ${count('status')}`)
  }

  /** What the outcomes of the run have taught, a line a rule that was picked. */
  learned(
    rules: readonly {
      rule: string
      confidence: number | null
      believed: { mean: number; low: number; high: number } | null
      successes: number
      failures: number
    }[],
  ): void {
    const percent = (share: number) => `${Math.round(share * 100)} %`
    this.#print('')
    this.title('Learned')
    for (const { rule, confidence, believed, successes, failures } of rules) {
      const outcomes = Math.round(successes + failures)
      if (believed === null || confidence === null || outcomes === 0) continue
      this.#print(
        `  ${rule.padEnd(24)} its author said ${percent(confidence)}; after ${outcomes} outcomes ${percent(believed.mean)} is believed (${percent(believed.low)} to ${percent(believed.high)})`,
      )
    }
  }
}
