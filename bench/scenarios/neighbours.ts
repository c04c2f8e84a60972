import { setTimeout as sleep } from 'node:timers/promises'
import type { Destination } from '../installation.ts'
import { Installation } from '../installation.ts'
import { DESTINATIONS, type Machine, say } from '../machine.ts'
import { median } from '../statistics.ts'
import { type Latencies, latencies, steadily } from './arrivals.ts'
import { type Figure, figureOf, newSecret, plain, type Scenario } from './scenario.ts'

const QUIET_PER_SECOND = 200
const FLOOD_TICKS = 50
/** Seconds before anything is measured; the disturbance goes on all the time. */
const WARM_UP = 5

/** Prepares what others do while quiet tenants are measured; `other` is the destination of the one that is not quiet. */
type Disturbance = (
  installation: Installation,
  other: Destination,
  seconds: number,
) => Promise<() => Promise<void>>

interface Setting {
  /** ms before the last destination answers; null: it hangs. */
  delay: number | null
  timeout: string | null
  disturbance: Disturbance
}

const nothing: Disturbance = async () => async () => undefined

/** Fifty a second to a destination that never answers; its POSTs end by their timeout of a second. */
const toHanging: Disturbance = async (installation, other, seconds) => async () => {
  await steadily(50, seconds, async () => {
    const [row] = installation.rows(1, [other])
    await installation.accept([row!])
    return row!.id
  })
}

/**
 * Nine times as many arrivals as the quiet ones have, on top of a backlog from the first moment. The rows are made
 * beforehand and accepted in small statements, since the process that measures must not be what is slow.
 */
const flood =
  (backlog: number): Disturbance =>
  async (installation, other, seconds) => {
    const perTick = Math.round((9 * QUIET_PER_SECOND) / FLOOD_TICKS)
    const first = installation.rows(backlog, [other])
    const later = installation.rows(perTick * FLOOD_TICKS * seconds, [other])
    return async () => {
      // When measuring begins, and not before.
      const backlogged = sleep(WARM_UP * 1_000).then(() => installation.accept(first, 100))
      await steadily(FLOOD_TICKS, seconds, async (i) => {
        await installation.accept(later.slice(i * perTick, (i + 1) * perTick))
        return `flood-${i}`
      })
      await backlogged
    }
  }

/** Ninety-nine destinations that are well, and one that hangs. */
export const hanging: Scenario = {
  name: 'hanging',
  async run(machine, { rounds, isQuick }) {
    const calm: Setting = { delay: 0, timeout: '1s', disturbance: nothing }
    const disturbed: Setting = { delay: null, timeout: '1s', disturbance: toHanging }
    return compare(machine, 'p99 of 99 destinations beside one that hangs', calm, disturbed, {
      rounds: Math.min(rounds, 2),
      seconds: isQuick ? 5 : 15,
      most: 1.5,
    })
  },
}

/**
 * Ninety-nine quiet tenants, and one that makes 90 % of the arrivals; then the same with a backlog of 50,000 that is there
 * at once, which no machine of this size has room for beside anything else, so that has no aim.
 */
export const flooding: Scenario = {
  name: 'flooding',
  async run(machine, { rounds, isQuick }) {
    const calm: Setting = { delay: 0, timeout: null, disturbance: nothing }
    const seconds = isQuick ? 5 : 15
    const steady = await compare(
      machine,
      'p99 of quiet tenants beside one with 90 % of the arrivals',
      calm,
      { ...calm, disturbance: flood(0) },
      { rounds: Math.min(rounds, 2), seconds, most: 2 },
    )
    const burst = await compare(
      machine,
      'p99 of quiet tenants while a backlog of 50,000 is worked off',
      calm,
      { ...calm, disturbance: flood(50_000) },
      { rounds: 1, seconds, most: null },
    )
    return [...steady, ...burst]
  },
}

async function compare(
  machine: Machine,
  what: string,
  calm: Setting,
  disturbed: Setting,
  { rounds, seconds, most }: { rounds: number; seconds: number; most: number | null },
): Promise<Figure[]> {
  const before: Latencies[] = []
  const beside: Latencies[] = []
  for (let round = 1; round <= rounds; round++) {
    before.push(await measure(machine, calm, seconds))
    beside.push(await measure(machine, disturbed, seconds))
    say(`round ${round}, ${what}: ${shown(before.at(-1)!)} alone, ${shown(beside.at(-1)!)} beside it`)
  }
  const ratio = median(beside.map(({ p99 }, i) => p99 / before[i]!.p99))
  const middle = (all: readonly Latencies[]) => median(all.map(({ p99 }) => p99))
  return [
    plain(`${what}`, `${middle(before).toFixed(1)} ms alone, ${middle(beside).toFixed(1)} ms`),
    most === null
      ? plain('the same, as a ratio', `${ratio.toFixed(2)} ×`)
      : figureOf('the same, as a ratio', ratio, { most }, ' ×'),
  ]
}

const shown = ({ p50, p99 }: Latencies) => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`

async function measure(machine: Machine, setting: Setting, seconds: number): Promise<Latencies> {
  const database = await machine.fresh('bench_neighbours')
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  const secret = newSecret()
  const urls = Array.from({ length: DESTINATIONS }, (_, i) => machine.receiver.url(i))
  const destinations = await installation.destinations(urls, secret, setting.timeout)
  const other = destinations.pop()!
  await installation.worker()
  const delays = [...destinations.map(() => 0), setting.delay]
  await machine.receiver.reset({ secret, expect: 0, delays })
  // Every destination has its connections before anything is measured.
  await installation.accept(installation.rows(destinations.length * 2, destinations))
  await installation.settled()
  const disturb = await setting.disturbance(installation, other, WARM_UP + seconds)
  const disturbing = disturb()
  const handOver = async (i: number) => {
    const [row] = installation.rows(1, [destinations[i % destinations.length]!])
    await installation.accept([row!])
    return row!.id
  }
  const begun = await steadily(QUIET_PER_SECOND, WARM_UP + seconds, handOver, { warmUp: WARM_UP })
  const measured = await latencies(begun, machine.receiver)
  await disturbing
  await installation.stop()
  await database.drop()
  return measured
}
