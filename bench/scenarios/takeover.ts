import { setTimeout as sleep } from 'node:timers/promises'
import { Installation } from '../installation.ts'
import { type Machine, say } from '../machine.ts'
import { median } from '../statistics.ts'
import { steadily } from './arrivals.ts'
import { figureOf, newSecret, type Scenario } from './scenario.ts'

const PER_SECOND = 200
type Ending = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP'

/**
 * Two workers and a steady stream; one is ended. What it owned stands still until the other has taken it over: the
 * longest that any action accepted from then on waits is the takeover time.
 */
export const takeover: Scenario = {
  name: 'takeover',
  async run(machine, { rounds, isQuick }) {
    const of = async (ending: Ending, seconds: number, times: number) => {
      const all: { seconds: number; twice: number }[] = []
      for (let round = 1; round <= times; round++) {
        all.push(await measure(machine, ending, seconds))
        say(
          `round ${round} takeover after ${ending}: ${all.at(-1)!.seconds.toFixed(2)} s, ${all.at(-1)!.twice} sent twice`,
        )
      }
      return {
        seconds: median(all.map((each) => each.seconds)),
        twice: all.reduce((sum, each) => sum + each.twice, 0),
      }
    }
    const killed = await of('SIGKILL', 8, Math.min(rounds, 3))
    const ended = await of('SIGTERM', 8, Math.min(rounds, 3))
    const stopped = await of('SIGSTOP', 26, isQuick ? 0 : 1)
    return [
      figureOf('takeover after SIGKILL', killed.seconds, { most: 3 }, ' s'),
      figureOf('takeover after SIGTERM', ended.seconds, { most: 2 }, ' s'),
      figureOf('sent twice after SIGTERM', ended.twice, { most: 0 }),
      ...(isQuick ? [] : [figureOf('takeover after SIGSTOP', stopped.seconds, { most: 20 }, ' s')]),
    ]
  },
}

async function measure(machine: Machine, ending: Ending, seconds: number) {
  const database = await machine.fresh('bench_takeover')
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  const secret = newSecret()
  const destinations = await installation.destinations(Array(50).fill(machine.receiver.url()), secret)
  await installation.worker()
  const other = await installation.worker()
  await machine.receiver.reset({ secret, expect: 0 })
  await sleep(1_000)
  let endedAt = 0n
  setTimeout(() => {
    endedAt = process.hrtime.bigint()
    other.kill(ending)
  }, 1_000)
  const begun = await steadily(PER_SECOND, seconds, async (i) => {
    const [row] = installation.rows(1, [destinations[i % destinations.length]!])
    await installation.accept([row!])
    return row!.id
  })
  await installation.settled()
  const { times, count, distinct } = await machine.receiver.report()
  const arrived = new Map(times.map(([id, at]) => [id, BigInt(at)]))
  // Those that were on their way when it ended count too: they are what is taken over first.
  const waits = [...begun]
    .filter(([, at]) => at > endedAt - 50_000_000n)
    .map(([id, at]) => Number(arrived.get(id)! - (at > endedAt ? at : endedAt)) / 1e9)
  if (ending === 'SIGSTOP') other.kill('SIGKILL')
  await installation.stop()
  await database.drop()
  return { seconds: Math.max(...waits), twice: count - distinct }
}
