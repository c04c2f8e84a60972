import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Chance } from './chance.ts'
import type { Answer, Client } from './client.ts'
import type { AcknowledgedOutcome, Finding, Receipt } from './observed.ts'

const REPORTED_SHARE = 0.6
/** Of the reports, how many meet another one that says something else. */
const CONTESTED_SHARE = 0.1
const REPORT_AFTER_MS = 9_000
const CANCELLED_SHARE = 0.08
const CANCEL_AFTER_MS = 3_000
const FORCE_EVERY_MS = 1_500
const FORCED_AT_ONCE = 10

export interface BystanderOptions {
  client: Client
  pool: Pool
  chance: Chance
  signal: AbortSignal
}

/** Whoever reports outcomes, cancels, and forces retries while actions are on their way. */
export class Bystanders {
  readonly acknowledged: AcknowledgedOutcome[] = []
  /** Actions of which a cancel was answered with: it is cancelled. */
  readonly cancelled: string[] = []
  readonly counts = { reports: 0, refusedReports: 0, cancels: 0, forced: 0 }
  readonly findings: Finding[] = []
  readonly #options: BystanderOptions
  readonly #keys = new Map<string, string>()
  readonly #reported = new Set<string>()
  readonly #forced = new Set<string>()
  #underWay = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: BystanderOptions) {
    this.#options = options
  }

  get isQuiet(): boolean {
    return this.#underWay === 0
  }

  /** Begins to force retries of what has failed or expired. */
  start(): void {
    this.#timer = setInterval(() => this.#begin(0, () => this.#force()), FORCE_EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  onAccepted(id: string, key: string): void {
    const { chance } = this.#options
    this.#keys.set(id, key)
    if (chance.isLucky(CANCELLED_SHARE))
      this.#begin(chance.between(0, CANCEL_AFTER_MS), () => this.#cancel(id))
  }

  /** An outside system that took an action may say what came of it, soon or late, and sometimes says two things. */
  onReceipt({ id, answer }: Receipt): void {
    const { chance } = this.#options
    if (answer !== 'ok' || this.#reported.has(id) || !this.#keys.has(id)) return
    this.#reported.add(id)
    if (!chance.isLucky(REPORTED_SHARE)) return
    const isContested = chance.isLucky(CONTESTED_SHARE)
    const afterMs = chance.between(0, REPORT_AFTER_MS)
    for (let voice = 0; voice < (isContested ? 2 : 1); voice++) {
      const status = chance.pick(['completed', 'partial', 'ignored', 'rejected'])
      this.#begin(afterMs, () => this.#report({ id, status, result: { voice } }, isContested))
    }
  }

  #begin(afterMs: number, act: () => Promise<void>): void {
    this.#underWay++
    void sleep(afterMs)
      .then(act)
      .catch((error) => {
        // The ledger may be away just now, and a run that was given up ends its calls.
        if (!this.#options.signal.aborted && error.code === undefined)
          this.findings.push({ kind: 'bystander', about: '-', text: String(error) })
      })
      .finally(() => {
        this.#underWay--
      })
  }

  #post(id: string, what: 'outcome' | 'cancel' | 'retry', body?: unknown): Promise<Answer> {
    const { client, signal } = this.#options
    const path = `/api/external/actions/${id}/${what}`
    return client.ask({ method: 'POST', path, key: this.#keys.get(id) ?? '', body }, signal)
  }

  async #report(outcome: AcknowledgedOutcome, isContested: boolean): Promise<void> {
    const { id, status, result } = outcome
    const answer = await this.#post(id, 'outcome', { status, result })
    this.counts.reports++
    if (answer.status === 200) this.acknowledged.push(outcome)
    else if (answer.status === 409 && isContested) this.counts.refusedReports++
    else this.#surprise(id, 'outcome', answer)
  }

  async #cancel(id: string): Promise<void> {
    const answer = await this.#post(id, 'cancel')
    this.counts.cancels++
    if (answer.status === 200 && answer.body.action.failure_reason === 'cancelled') this.cancelled.push(id)
    if (answer.status !== 200 && answer.status !== 409) this.#surprise(id, 'cancel', answer)
  }

  async #force(): Promise<void> {
    const { rows } = await this.#options.pool.query<{ id: string }>(
      `select id from action where status in ('failed', 'expired') and outcome is null and not (id = any($1)) limit $2`,
      [[...this.#forced], FORCED_AT_ONCE],
    )
    for (const { id } of rows) {
      if (!this.#keys.has(id)) continue
      this.#forced.add(id)
      this.#begin(0, async () => {
        const answer = await this.#post(id, 'retry')
        this.counts.forced++
        if (answer.status !== 200 && answer.status !== 409) this.#surprise(id, 'retry', answer)
      })
    }
  }

  #surprise(id: string, what: string, { status, body }: Answer): void {
    this.findings.push({ kind: 'refused', about: id, text: `${what}: ${status} ${JSON.stringify(body)}` })
  }
}
