import { contenders } from '../contenders/all.ts'
import type { Contender, Measured } from '../contenders/contender.ts'
import { makeJobs } from '../job.ts'
import { type Machine, say } from '../machine.ts'
import { median, table } from '../statistics.ts'
import { figureOf, newSecret, type Scenario } from './scenario.ts'

const AIMS = { raw: 0.7, bullmq: 4, graphile: 2.5, cpu: 1.8 }

/** The same actions by every contender in turn, round after round; ratios are taken round by round. */
export const throughput: Scenario = {
  name: 'throughput',
  async run(machine, { n, rounds }) {
    const results = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]))
    for (let round = 1; round <= rounds; round++) {
      for (const contender of contenders) {
        const measured = await runOnce(machine, contender, `${contender.name}_${round}`, n)
        results.get(contender.name)!.push(measured)
        say(`round ${round} ${contender.name}: ${Math.round(n / measured.seconds)} actions/s`)
      }
    }
    say(`\n${table(results, n)}\n`)
    const rates = (name: string) => results.get(name)!.map(({ seconds }) => n / seconds)
    const times = (name: string) => median(rates('volley').map((rate, round) => rate / rates(name)[round]!))
    const cpu = (name: string) => results.get(name)!.map(({ cpuMicros }) => cpuMicros ?? Number.NaN)
    const cpuRatio = median(cpu('volley').map((micros, round) => micros / cpu('raw')[round]!))
    return [
      { what: 'throughput, actions/s', figure: median(rates('volley')).toFixed(0), aim: '', isMet: null },
      figureOf('throughput against raw POSTs', times('raw'), { least: AIMS.raw }, ' ×'),
      figureOf('throughput against BullMQ and pg', times('bullmq'), { least: AIMS.bullmq }, ' ×'),
      figureOf(
        'throughput against graphile-worker and pg',
        times('graphile'),
        { least: AIMS.graphile },
        ' ×',
      ),
      ...(Number.isNaN(cpuRatio)
        ? []
        : [figureOf('own CPU of an action against a raw POST', cpuRatio, { most: AIMS.cpu }, ' ×')]),
    ]
  },
}

/** One round of one contender, on an empty database and an empty Redis. */
export async function runOnce(
  machine: Machine,
  contender: Contender,
  name: string,
  n: number,
): Promise<Measured> {
  const database = await machine.fresh(`bench_${name}`)
  const secret = newSecret()
  const { all } = await machine.receiver.reset({ secret, expect: n })
  const prepared = await contender.prepare({
    url: machine.receiver.url(),
    secret,
    n,
    databaseUrl: database.url,
    redisUrl: machine.redisUrl,
    jobs: contender.name === 'raw' ? [] : makeJobs(n),
    allReceived: all,
  })
  const measured = await prepared.run()
  await prepared.end()
  await machine.receiver.requireOnce(contender.name, n)
  await database.drop()
  return measured
}
