import type { SendAnswer } from '../dispatch/client.ts'
import type { HealthReport } from '../ledger/endpoints/endpoint-health.ts'

/** What is heard of an endpoint again and again is told this often at most: its health is a matter of hours. */
const AGAIN_MS = { success: 60_000, failure: 1_000 }

interface Known {
  report: HealthReport | null
  /** Whether the last one told was a success, and when; by the monotonic clock. */
  told: { isGood: boolean; at: number } | null
}

/** What this worker hears of endpoints, until it is told to the ledger. Losing it loses nothing but a minute. */
export class Health {
  readonly #known = new Map<string, Known>()

  /** What came of a POST to an endpoint; null `failure`: it was taken. */
  heard(endpoint: string, failure: string | null, isGone: boolean): void {
    const known = this.#known.get(endpoint) ?? { report: null, told: null }
    const before = known.report
    known.report = {
      endpoint,
      hasSucceeded: failure === null || before?.hasSucceeded === true,
      failure,
      isGone: isGone || before?.isGone === true,
    }
    this.#known.set(endpoint, known)
  }

  /** What is to be told now. */
  take(now: number): HealthReport[] {
    return [...this.#known.values()].flatMap((known) => {
      const { report, told } = known
      if (report === null) return []
      const isGood = report.failure === null
      const waitMs = told?.isGood !== isGood ? 0 : isGood ? AGAIN_MS.success : AGAIN_MS.failure
      if (!report.isGone && told !== null && now - told.at < waitMs) return []
      known.report = null
      known.told = { isGood, at: now }
      return [report]
    })
  }
}

/** Why an answer is a failure; null where it is none. */
export function failureText(answer: SendAnswer): string | null {
  if (answer.kind === 'failed') return `${answer.reason}: ${answer.message}`
  return answer.status >= 200 && answer.status < 300 ? null : `it answered ${answer.status}`
}
