import { timed } from '../contenders/contender.ts'
import { Installation, residentBytes } from '../installation.ts'
import { type Machine, say } from '../machine.ts'
import { median } from '../statistics.ts'
import { figureOf, newSecret, type Scenario } from './scenario.ts'

const YEAR_MS = 364 * 86_400_000

/** The same work beside nothing, and beside a million actions that are due in a year, those of a thousand tenants. */
export const sleeping: Scenario = {
  name: 'sleeping',
  async run(machine, { rounds, isQuick }) {
    const sleepers = isQuick ? 100_000 : 1_000_000
    const n = isQuick ? 20_000 : 40_000
    const awake = await prepare(machine, 'awake', 0)
    const asleep = await prepare(machine, 'asleep', sleepers)
    const ratios: number[] = []
    const memory: number[] = []
    for (let round = 1; round <= Math.min(rounds, 3); round++) {
      const none = await measure(machine, awake, n)
      const many = await measure(machine, asleep, n)
      say(
        `round ${round} sleeping: none: ${none.rate.toFixed(0)}/s ${mb(none.bytes)}, ${sleepers}: ${many.rate.toFixed(0)}/s ${mb(many.bytes)}`,
      )
      ratios.push(many.rate / none.rate)
      memory.push(many.bytes / none.bytes)
    }
    for (const each of [awake, asleep]) {
      await each.installation.stop()
      await each.database.drop()
    }
    const label = sleepers.toLocaleString('en')
    return [
      figureOf(`throughput beside ${label} sleeping actions`, median(ratios), { least: 0.95 }, ' ×'),
      ...(Number.isNaN(median(memory))
        ? []
        : [figureOf(`memory of a worker beside ${label} sleeping`, median(memory), { most: 1.1 }, ' ×')]),
    ]
  },
}

const mb = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`

async function prepare(machine: Machine, name: string, sleepers: number) {
  const database = await machine.fresh(`bench_sleeping_${name}`)
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  const secret = newSecret()
  const destinations = await installation.destinations(Array(1_000).fill(machine.receiver.url()), secret)
  for (let made = 0; made < sleepers; made += 50_000) {
    const rows = installation.rows(Math.min(50_000, sleepers - made), destinations, Date.now() + YEAR_MS)
    await installation.accept(rows, 5_000)
  }
  await installation.ledger.pool.query('vacuum analyze')
  return { database, installation, destinations, secret }
}

async function measure(machine: Machine, side: Awaited<ReturnType<typeof prepare>>, n: number) {
  const { installation, destinations, secret } = side
  await machine.emptyRedis()
  await machine.checkpoint()
  const rows = installation.rows(n, destinations.slice(0, 1))
  const worker = await installation.worker()
  const { all } = await machine.receiver.reset({ secret, expect: n })
  const resident: number[] = []
  const sampling = setInterval(() => resident.push(residentBytes(worker.pid!) ?? Number.NaN), 50)
  const { seconds } = await timed(worker.pid!, async () => {
    await installation.accept(rows)
    await all
    await installation.settled()
  })
  clearInterval(sampling)
  await installation.stopProcesses()
  await machine.receiver.requireOnce('sleeping', n)
  return { rate: n / seconds, bytes: median(resident) }
}
