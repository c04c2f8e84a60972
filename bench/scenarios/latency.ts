import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import pg from 'pg'
import { Agent } from 'undici'
import { forked } from '../contenders/contender.ts'
import { insertJobs, TABLES } from '../contenders/table.ts'
import { Installation } from '../installation.ts'
import { makeJobs, post } from '../job.ts'
import { type Machine, say } from '../machine.ts'
import { median } from '../statistics.ts'
import { type Latencies, latencies, steadily } from './arrivals.ts'
import { figureOf, newSecret, plain, type Scenario } from './scenario.ts'

const PER_SECOND = 50
/** First so many a second, so that what is measured is compiled: a process that has run for a while, with little to do. */
const WARM_UP = { perSecond: 200, seconds: 10 }
/** Then as many as are measured, until what the haste left behind is gone. */
const CALM_SECONDS = 2

/** The parts of Volley's answers that are needed here. */
interface Answer {
  action_type: { webhook_secret: string }
  action: { id: string }
}

/**
 * One action every 20 ms: from when its sender knows that it was accepted until the receiver has it. Volley is called over
 * HTTP, as its users call it; BullMQ in this process, as its users do: a row in Postgres, then a job. A raw POST counts
 * from its beginning.
 */
export const latency: Scenario = {
  name: 'latency',
  async run(machine, { isQuick, rounds }) {
    const seconds = isQuick ? 4 : 12
    const of: Record<'raw' | 'volley' | 'bullmq', Latencies[]> = { raw: [], volley: [], bullmq: [] }
    for (let round = 1; round <= Math.min(rounds, 2); round++) {
      of.raw.push(await raw(machine, seconds))
      of.volley.push(await volley(machine, seconds))
      of.bullmq.push(await bullmq(machine, seconds))
      for (const [name, all] of Object.entries(of)) {
        const { p50, p99 } = all.at(-1)!
        say(`round ${round} latency ${name}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`)
      }
    }
    const middle = (name: keyof typeof of, which: 'p50' | 'p99') =>
      median(of[name].map((each) => each[which]))
    const times = (name: keyof typeof of) =>
      median(of.volley.map(({ p99 }, round) => p99 / of[name][round]!.p99))
    const shown = (name: keyof typeof of) =>
      plain(
        `accepted to received at ${PER_SECOND}/s, ${name}`,
        `p50 ${middle(name, 'p50').toFixed(1)} ms, p99 ${middle(name, 'p99').toFixed(1)} ms`,
      )
    return [
      shown('raw'),
      shown('volley'),
      shown('bullmq'),
      figureOf('p99 against a raw signed POST', times('raw'), { most: 3 }, ' ×'),
      figureOf('p99 against BullMQ and pg', times('bullmq'), { most: 1 }, ' ×'),
    ]
  },
}

const jobsFor = (seconds: number) =>
  WARM_UP.perSecond * WARM_UP.seconds + PER_SECOND * (CALM_SECONDS + seconds)

/** Warms up, and then hands over at the rate that is measured for so many seconds; gives when each of those began. */
async function calmly(
  seconds: number,
  handOver: (index: number) => Promise<string>,
  from: 'accepted' | 'begun' = 'accepted',
): Promise<Map<string, bigint>> {
  await steadily(WARM_UP.perSecond, WARM_UP.seconds, handOver)
  const before = WARM_UP.perSecond * WARM_UP.seconds
  return steadily(PER_SECOND, CALM_SECONDS + seconds, (i) => handOver(before + i), {
    warmUp: CALM_SECONDS,
    from,
  })
}

async function raw(machine: Machine, seconds: number): Promise<Latencies> {
  const secret = newSecret()
  const agent = new Agent({ connections: 64 })
  await machine.receiver.reset({ secret, expect: 0 })
  const jobs = makeJobs(jobsFor(seconds))
  const begun = await calmly(
    seconds,
    async (i) => {
      await post(agent, machine.receiver.url(), secret, jobs[i]!)
      return jobs[i]!.id
    },
    'begun',
  )
  await agent.close()
  return latencies(begun, machine.receiver)
}

async function volley(machine: Machine, seconds: number): Promise<Latencies> {
  const database = await machine.fresh('bench_latency')
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  const { url, key } = await installation.web()
  await installation.worker()
  const agent = new Agent({ connections: 8 })
  const call = async (path: string, body: unknown): Promise<{ status: number; body: Answer }> => {
    const answer = await agent.request({
      origin: url,
      path,
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: answer.statusCode, body: (await answer.body.json()) as Answer }
  }
  const made = await call('/api/external/action-types', {
    name: 'grant_points',
    provider: 'bench',
    parameters_schema: {},
    delivery_webhook: machine.receiver.url(),
  })
  await machine.receiver.reset({
    secret: made.body.action_type.webhook_secret,
    expect: 0,
  })
  const jobs = makeJobs(jobsFor(seconds))
  const begun = await calmly(seconds, async (i) => {
    const { userId, parameters, reasoning, confidence } = jobs[i]!
    const { status, body } = await call('/api/external/actions', {
      action_type: 'grant_points',
      user_id: userId,
      parameters: JSON.parse(parameters),
      reasoning,
      confidence,
    })
    if (status !== 201) throw new Error(`an action was answered with ${status}`)
    return body.action.id
  })
  const measured = await latencies(begun, machine.receiver)
  await agent.close()
  await installation.stop()
  await database.drop()
  return measured
}

async function bullmq(machine: Machine, seconds: number): Promise<Latencies> {
  const database = await machine.fresh('bench_latency_bullmq')
  const secret = newSecret()
  const n = jobsFor(seconds)
  const pool = new pg.Pool({ connectionString: database.url, max: 4 })
  await pool.query(TABLES)
  const connection = new Redis(machine.redisUrl, { maxRetriesPerRequest: null })
  const queue = new Queue('dispatch', { connection, defaultJobOptions: { removeOnComplete: true } })
  await queue.waitUntilReady()
  await machine.receiver.reset({ secret, expect: 0 })
  const order = {
    url: machine.receiver.url(),
    secret,
    n,
    databaseUrl: database.url,
    redisUrl: machine.redisUrl,
  }
  const { end } = await forked('./bullmq.worker.ts', { ...order, jobs: [], allReceived: Promise.resolve() })
  const jobs = makeJobs(n)
  const begun = await calmly(seconds, async (i) => {
    await insertJobs(pool, [jobs[i]!])
    await queue.add('dispatch', jobs[i]!, { jobId: jobs[i]!.id })
    return jobs[i]!.id
  })
  const measured = await latencies(begun, machine.receiver)
  await end()
  await queue.close()
  connection.disconnect()
  await pool.end()
  await database.drop()
  return measured
}
