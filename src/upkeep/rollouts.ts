import { Repeated } from '../clock.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { stopVersion } from '../ledger/rules/put-in-force.ts'
import {
  figuresOf,
  type StopBand,
  type VersionFigures,
  watchedVersions,
} from '../ledger/rules/watched-versions.ts'
import type { Log } from '../log.ts'

const EVERY_MS = 5_000
const AFTER = 50

/** Why a version is stopped, as a sentence; null: what came of it is within its band. */
export function whyStopped(band: StopBand, figures: VersionFigures): string | null {
  const { after = AFTER, failed_above: failedAbove, rewarded_below: rewardedBelow } = band
  const { ended, failed, outcomes, rewarded } = figures
  if (failedAbove !== undefined && ended >= after && failed / ended > failedAbove)
    return `${failed} of ${ended} actions failed, more than ${percent(failedAbove)}`
  if (rewardedBelow !== undefined && outcomes >= after && rewarded / outcomes < rewardedBelow)
    return `${outcomes} outcomes were worth ${percent(rewarded / outcomes)}, less than ${percent(rewardedBelow)}`
  return null
}

const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`

/** Stops versions of tenants' rules whose outcomes or failures leave the band that they state; several may do it at once. */
export class RolloutKeeper {
  readonly #ledger: Ledger
  readonly #log: Log
  readonly #looking = new Repeated(EVERY_MS, () => this.#look())

  constructor(ledger: Ledger, log: Log) {
    this.#ledger = ledger
    this.#log = log
  }

  start(): void {
    this.#looking.start((error) => {
      this.#log.warn({ error: String(error) }, 'upkeep: what came of versions in force could not be judged')
    })
  }

  stop(): Promise<void> {
    return this.#looking.stop()
  }

  async #look(): Promise<void> {
    const { pool } = this.#ledger
    for (const watched of await watchedVersions(pool)) {
      const figures = await figuresOf(pool, watched, Date.now())
      const why = whyStopped(watched.stop, figures)
      if (why === null) continue
      const { kind, name, version, slug } = watched
      const inForce = await stopVersion(pool, watched, { version, figures: { ...figures, why } })
      if (inForce === undefined) continue
      this.#log.warn(
        { tenant: slug, document: `${kind}/${name}`, version, why, in_force: inForce },
        'upkeep: a version is stopped',
      )
    }
  }
}
