import { timed } from '../contenders/contender.ts'
import { Installation } from '../installation.ts'
import { DESTINATIONS, type Machine, say } from '../machine.ts'
import { median } from '../statistics.ts'
import { figureOf, newSecret, plain, type Scenario } from './scenario.ts'

const ANSWER_MS = 20
/** Small enough for the wire to be what bounds one worker, and not the cores that all processes share. */
const WIRE_MAX = 64

/** One worker against two, with receivers that take 20 ms and 64 POSTs on the wire of each. */
export const workers: Scenario = {
  name: 'workers',
  async run(machine, { rounds, isQuick }) {
    const n = isQuick ? 6_000 : 20_000
    const ratios: number[] = []
    const rates: number[] = []
    for (let round = 1; round <= Math.min(rounds, 3); round++) {
      const one = await rateWith(machine, 1, n)
      const two = await rateWith(machine, 2, n)
      say(`round ${round} workers: one ${one.toFixed(0)}/s, two ${two.toFixed(0)}/s`)
      ratios.push(two / one)
      rates.push(one)
    }
    return [
      plain(
        `one worker with ${WIRE_MAX} on the wire and receivers of ${ANSWER_MS} ms`,
        `${median(rates).toFixed(0)}/s`,
      ),
      figureOf('two workers against one', median(ratios), { least: 1.8 }, ' ×'),
    ]
  },
}

async function rateWith(machine: Machine, count: number, n: number): Promise<number> {
  const database = await machine.fresh(`bench_workers_${count}`)
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  const secret = newSecret()
  const urls = Array.from({ length: DESTINATIONS }, (_, i) => machine.receiver.url(i))
  const destinations = await installation.destinations(urls, secret)
  const rows = installation.rows(n, destinations)
  for (let i = 0; i < count; i++) await installation.worker({ VOLLEY_WIRE_MAX: String(WIRE_MAX) })
  const { all } = await machine.receiver.reset({ secret, expect: n, delays: urls.map(() => ANSWER_MS) })
  const { seconds } = await timed(process.pid, async () => {
    await installation.accept(rows)
    await all
  })
  await installation.settled()
  await installation.stop()
  await machine.receiver.requireOnce(`${count} workers`, n)
  await database.drop()
  return n / seconds
}
