import { setTimeout as sleep } from 'node:timers/promises'
import { Repeated } from '../clock.ts'
import { boundOf, type Wants } from '../decisions/arming.ts'
import type { Ledger } from '../ledger/ledger.ts'
import {
  type ArmedTenant,
  armedFor,
  armSome,
  documentsStamp,
  isBacklog,
  readArmed,
  setArmedFor,
} from '../ledger/people/armed.ts'
import { readRulesInUse } from '../ledger/rules/rules-in-use.ts'
import type { Log } from '../log.ts'

const EVERY_MS = 2_000
const TENANTS_A_PAGE = 100
const PEOPLE_A_PAGE = 5_000
/** While more people than this are due, nobody else is armed: those come first. */
const DUE_MAX = 5_000
const BACKLOG_MS = 500

/** The documents that are in force, as this role has to know them. */
export interface ArmingRules {
  /** Of the files. */
  readonly digest: string
  /** What tenants have changed by now is in force afterwards. */
  hearTenants(): Promise<void>
  /** What the rules of these tenants wait for. */
  wantsOf(tenants: readonly string[]): Promise<ReadonlyMap<string, Wants>>
}

/**
 * Has people looked at for rules that were not in force when they were heard of last: page by page and no faster than
 * turns look. Of all processes one does it for a tenant at a time, and any of them goes on where it stopped.
 */
export class Arming {
  readonly #ledger: Ledger
  readonly #log: Log
  readonly #rules: ArmingRules
  readonly #stopping = new AbortController()
  readonly #arming = new Repeated(EVERY_MS, () => this.#run())
  /** The documents as they were when this was asked last: it waits until they stand still. */
  #seen: string | null = null

  constructor(ledger: Ledger, log: Log, rules: ArmingRules) {
    this.#ledger = ledger
    this.#log = log
    this.#rules = rules
  }

  start(): void {
    this.#arming.start((error) => {
      if (this.#stopping.signal.aborted) return
      this.#log.warn({ error: String(error) }, 'upkeep: people could not be armed; it goes on in a moment')
    })
  }

  /** Resolves once nothing is asked of the ledger any more, after the present page at the latest. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#arming.stop()
  }

  async #run(): Promise<void> {
    const { pool } = this.#ledger
    const stamp = await documentsStamp(pool)
    const documents = `${this.#rules.digest} ${stamp}`
    const isStill = documents === this.#seen
    this.#seen = documents
    if (!isStill || (await armedFor(pool)) === documents) return
    // Processes that decide by different files would undo each other's work.
    if ((await readRulesInUse(pool)).versions > 1) return
    await this.#rules.hearTenants()
    if (await this.#everyTenant()) await setArmedFor(pool, documents)
  }

  /** False where another process has some tenant in hand. */
  async #everyTenant(): Promise<boolean> {
    let isAll = true
    let page: ArmedTenant[] = []
    do {
      page = await readArmed(this.#ledger.pool, page.at(-1)?.tenant ?? null, TENANTS_A_PAGE)
      const wanted = await this.#rules.wantsOf(page.map(({ tenant }) => tenant))
      for (const { tenant, done } of page) {
        const wants = wanted.get(tenant)!
        const isArmed = done.length === wants.size && done.every((name) => wants.has(name))
        if (!isArmed && !(await this.#arm(tenant, wants))) isAll = false
      }
    } while (page.length === TENANTS_A_PAGE)
    return isAll
  }

  async #arm(tenant: string, wants: Wants): Promise<boolean> {
    const { pool } = this.#ledger
    const { signal } = this.#stopping
    const ask = {
      wants: [...wants.keys()],
      boundFor: (fresh: readonly string[]) => boundOf(fresh.map((name) => wants.get(name)!)),
    }
    const startedAt = performance.now()
    for (let pages = 1; ; pages++) {
      while (await isBacklog(pool, DUE_MAX)) await sleep(BACKLOG_MS, undefined, { signal })
      const begunAt = performance.now()
      const step = await armSome(pool, tenant, ask, PEOPLE_A_PAGE)
      if (step === 'elsewhere') return false
      if (step === 'done') {
        const ms = Math.round(performance.now() - startedAt)
        this.#log.info({ tenant, pages, ms }, 'upkeep: people are armed for what rules wait for')
        return true
      }
      // As long as the page took, so that at most half of a connection is used.
      await sleep(performance.now() - begunAt, undefined, { signal })
    }
  }
}
