import { Installation } from '../installation.ts'
import { figureOf, newSecret, type Scenario } from './scenario.ts'

/** Two workers, many lanes, no faults: how many POSTs were one too many. */
export const doubles: Scenario = {
  name: 'doubles',
  async run(machine, { isQuick }) {
    const n = isQuick ? 20_000 : 200_000
    const database = await machine.fresh('bench_doubles')
    const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
    const secret = newSecret()
    const destinations = await installation.destinations(Array(100).fill(machine.receiver.url()), secret)
    await installation.worker()
    await installation.worker()
    const { all } = await machine.receiver.reset({ secret, expect: n })
    for (let sent = 0; sent < n; sent += 20_000)
      await installation.accept(installation.rows(20_000, destinations))
    await all
    await installation.settled()
    const { count } = await machine.receiver.report()
    await installation.stop()
    await database.drop()
    return [
      figureOf(`POSTs beyond one for each of ${n.toLocaleString('en')} actions`, count - n, { most: 0 }),
    ]
  },
}
