import { newId } from '../../src/ids.ts'
import type { NewEvent } from '../../src/ledger/events/accept-events.ts'
import { type Measured, timed } from '../contenders/contender.ts'
import { volley } from '../contenders/volley.ts'
import { Installation } from '../installation.ts'
import { type Machine, say } from '../machine.ts'
import { median } from '../statistics.ts'
import { figureOf, newSecret, plain, type Scenario } from './scenario.ts'
import { runOnce } from './throughput.ts'

const ENDPOINTS = 100

/** Events that a hundred endpoints are told of, beside as many actions; ratios are taken round by round. */
export const fanOut: Scenario = {
  name: 'fan-out',
  async run(machine, { n, rounds }) {
    const events = Math.ceil(n / ENDPOINTS)
    const deliveries = events * ENDPOINTS
    const ratios: { time: number; cpu: number }[] = []
    const rates: number[] = []
    for (let round = 1; round <= rounds; round++) {
      const actions = await runOnce(machine, volley, `fan_actions_${round}`, deliveries)
      const told = await tellAll(machine, `bench_fan_${round}`, events)
      rates.push(deliveries / told.seconds)
      ratios.push({
        time: told.seconds / actions.seconds,
        cpu: (told.cpuMicros ?? Number.NaN) / (actions.cpuMicros ?? Number.NaN),
      })
      say(`round ${round}: ${Math.round(rates.at(-1)!)} deliveries/s`)
    }
    const cpu = median(ratios.map((ratio) => ratio.cpu))
    return [
      plain(`fan-out to ${ENDPOINTS} endpoints, deliveries/s`, median(rates).toFixed(0)),
      figureOf(
        'time of a delivery against an action',
        median(ratios.map(({ time }) => time)),
        { most: 1 },
        ' ×',
      ),
      ...(Number.isNaN(cpu)
        ? []
        : [figureOf('own CPU of a delivery against an action', cpu, { most: 1 }, ' ×')]),
    ]
  },
}

/** One round: events are accepted, and every endpoint is told of every one of them, once. */
async function tellAll(machine: Machine, name: string, events: number): Promise<Measured> {
  const database = await machine.fresh(name)
  const secret = newSecret()
  const { all } = await machine.receiver.reset({ secret, expect: events * ENDPOINTS })
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  const urls = Array.from({ length: ENDPOINTS }, (_, i) => `${machine.receiver.url()}?endpoint=${i}`)
  const tenant = await installation.endpoints(urls, secret)
  const worker = await installation.worker()
  const measured = await timed(worker.pid!, async () => {
    await installation.acceptEvents(tenant, happened(events))
    await all
    await installation.settled()
  })
  await installation.stop()
  await machine.receiver.requireOnce('fan-out', events * ENDPOINTS)
  await database.drop()
  return measured
}

const happened = (count: number): Omit<NewEvent, 'p'>[] =>
  Array.from({ length: count }, (_, i) => ({
    id: newId('ev'),
    kind: 'event',
    userId: `user-${i}`,
    isAnonymous: false,
    type: 'custom.bench.told',
    data: JSON.stringify({ amount: i, reason: 're-engagement bonus', currency: 'USD' }),
    time: null,
    onceId: null,
  }))
