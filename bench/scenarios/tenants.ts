import { timed } from '../contenders/contender.ts'
import { Installation } from '../installation.ts'
import { type Machine, say } from '../machine.ts'
import { median } from '../statistics.ts'
import { figureOf, newSecret, plain, type Scenario } from './scenario.ts'

const MANY = 10_000

/** The same number of actions for one tenant, and dealt to 10,000 tenants with a type and a lane each. */
export const tenants: Scenario = {
  name: 'tenants',
  async run(machine, { rounds, isQuick }) {
    const n = isQuick ? 20_000 : 40_000
    const ratios: number[] = []
    const rates: number[] = []
    for (let round = 1; round <= Math.min(rounds, 3); round++) {
      const one = await rateWith(machine, 1, n)
      const many = await rateWith(machine, MANY, n)
      say(`round ${round} tenants: 1: ${one.toFixed(0)}/s, ${MANY}: ${many.toFixed(0)}/s`)
      ratios.push(many / one)
      rates.push(many)
    }
    return [
      plain('10,000 tenants, actions/s', median(rates).toFixed(0)),
      figureOf('10,000 tenants against one', median(ratios), { least: 0.9 }, ' ×'),
    ]
  },
}

async function rateWith(machine: Machine, count: number, n: number): Promise<number> {
  const database = await machine.fresh(`bench_tenants_${count}`)
  const secret = newSecret()
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  const destinations = await installation.destinations(Array(count).fill(machine.receiver.url()), secret)
  const rows = installation.rows(n, destinations)
  const worker = await installation.worker()
  // One for each tenant beforehand: a type is loaded at its first use, once.
  const first = await machine.receiver.reset({ secret, expect: MANY })
  await installation.accept(installation.rows(MANY, destinations))
  await first.all
  await installation.settled()
  const { all } = await machine.receiver.reset({ secret, expect: n })
  const { seconds } = await timed(worker.pid!, async () => {
    await installation.accept(rows)
    await all
    await installation.settled()
  })
  await installation.stop()
  await machine.receiver.requireOnce(`${count} tenants`, n)
  await database.drop()
  return n / seconds
}
