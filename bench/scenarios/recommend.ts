import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { cpuOf, cpuOfPostgres } from '../ingest/cpu.ts'
import { hammer, requestBytes, type Volleys } from '../ingest/hammer.ts'
import { Installation } from '../installation.ts'
import { type Machine, say } from '../machine.ts'
import { paced } from '../recommend/paced.ts'
import { RULES, recommendBodies, shopRules, storeUsers } from '../recommend/shop.ts'
import { median, quantile } from '../statistics.ts'
import { type Figure, figureOf, plain, type Scenario } from './scenario.ts'

const CONNECTIONS = 64
const PER_SECOND = 500
/** At first; more are made where these wait. */
const STEADY_CONNECTIONS = 8
const PATH = '/api/decisions/recommend'
const AIMS = { ofBare: 0.5, p99Ms: 10 }

interface Round {
  bareRate: number
  rate: number
  /** Of the web process, and of Postgres, for one recommendation. */
  cpuMicros: number
  postgresMicros: number
  p50: number
  p99: number
  /** Of the bare route at the same rate: what the machine itself makes late. */
  bareP99: number
}

/**
 * Recommendations for stored users by a document of 50 rules, each committed before its answer, against a bare Koa route
 * that parses the same bodies and answers; and how long they take at a steady rate. There is no worker.
 */
export const recommend: Scenario = {
  name: 'recommend',
  async run(machine, { isQuick, rounds }) {
    const bare = fork(new URL('../ingest/bare.worker.ts', import.meta.url))
    const [{ port }] = (await once(bare, 'message')) as [{ port: number }]
    const all: Round[] = []
    for (let round = 1; round <= rounds; round++) {
      all.push(await oneRound(machine, port, isQuick ? 6_000 : 20_000))
      const { bareRate, rate, cpuMicros, postgresMicros, p50, p99, bareP99 } = all.at(-1)!
      say(
        `round ${round} recommend: ${rate.toFixed(0)}/s of ${bareRate.toFixed(0)}/s, CPU ${cpuMicros.toFixed(0)} + ${postgresMicros.toFixed(0)} µs, at ${PER_SECOND}/s p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, bare ${bareP99.toFixed(1)} ms`,
      )
    }
    bare.disconnect()
    return figuresOf(all)
  },
}

function figuresOf(all: readonly Round[]): Figure[] {
  const of = (which: keyof Round) => median(all.map((round) => round[which]))
  const ofBare = median(all.map(({ rate, bareRate }) => rate / bareRate))
  const cpu = `${of('cpuMicros').toFixed(0)} µs, and ${of('postgresMicros').toFixed(0)} µs of Postgres`
  return [
    plain(`recommendations by ${RULES} rules, ${CONNECTIONS} connections`, `${of('rate').toFixed(0)}/s`),
    figureOf('the same against a bare Koa route', ofBare, { least: AIMS.ofBare }, ' ×'),
    ...(Number.isNaN(of('cpuMicros')) ? [] : [plain('CPU of one', cpu)]),
    plain(`median at ${PER_SECOND}/s`, `${of('p50').toFixed(1)} ms`),
    plain(`p99 of the bare route at ${PER_SECOND}/s`, `${of('bareP99').toFixed(1)} ms`),
    figureOf(`p99 at ${PER_SECOND}/s`, of('p99'), { most: AIMS.p99Ms }, ' ms'),
  ]
}

async function oneRound(machine: Machine, barePort: number, n: number): Promise<Round> {
  const database = await machine.fresh('bench_recommend')
  const shop = shopRules()
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  try {
    const { url, key, tenantSlug } = await installation.web({ VOLLEY_RULES: shop.rulesDir })
    const { rows } = await installation.ledger.pool.query<{ id: string }>(
      'select id from tenant where slug = $1',
      [tenantSlug],
    )
    await storeUsers(installation.ledger.pool, rows[0]!.id)
    const bodies = recommendBodies(n)
    const web = { port: Number(new URL(url).port), process: installation.processes[0]! }
    const volleys = (path: string, port: number, status: number) => ({
      port,
      connections: CONNECTIONS,
      requests: bodies.map((body) => requestBytes(path, key, body)),
      status,
    })
    const bare = volleys('/', barePort, 202)
    const asked = volleys(PATH, web.port, 200)
    // What is new to a process is warmed up before it is measured.
    for (const each of [bare, asked])
      await hammer({ ...each, requests: each.requests.slice(0, Math.max(3_000, n / 4)) })
    await machine.checkpoint()
    const bareS = await hammer(bare)
    const measured = await withCpu(installation, web.process, () => hammer(asked))
    const steady = await atSteadyRate(asked)
    const bareSteady = await atSteadyRate(bare)
    return {
      bareRate: n / bareS,
      rate: n / measured.seconds,
      cpuMicros: measured.own / n,
      postgresMicros: measured.postgres / n,
      p50: quantile(steady, 0.5),
      p99: quantile(steady, 0.99),
      bareP99: quantile(bareSteady, 0.99),
    }
  } finally {
    await installation.stop()
    await database.drop()
    shop.remove()
  }
}

/** How long each request took in ms; those of the first second are left out. */
async function atSteadyRate(volleys: Volleys): Promise<number[]> {
  const requests = volleys.requests.slice(0, PER_SECOND * 8)
  const took = await paced({ ...volleys, connections: STEADY_CONNECTIONS, requests }, PER_SECOND)
  return took.slice(PER_SECOND)
}

async function withCpu(installation: Installation, web: ChildProcess, work: () => Promise<number>) {
  const postgres = await cpuOfPostgres(installation.ledger.pool)
  const before = { own: cpuOf(web.pid!), postgres: postgres() }
  const seconds = await work()
  return { seconds, own: cpuOf(web.pid!) - before.own, postgres: postgres() - before.postgres }
}
