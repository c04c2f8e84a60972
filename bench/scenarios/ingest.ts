import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { actionBodies, eventBodies, makeEvents } from '../ingest/bodies.ts'
import { cpuOf, cpuOfPostgres } from '../ingest/cpu.ts'
import { hammer, requestBytes } from '../ingest/hammer.ts'
import { preparePlain } from '../ingest/plain.ts'
import { Installation } from '../installation.ts'
import { type Machine, say } from '../machine.ts'
import { median } from '../statistics.ts'
import { type Figure, figureOf, plain, type Scenario } from './scenario.ts'

const CONNECTIONS = 64
/** Of the batches: as many as the plain insert has to Postgres. */
const BATCH_CONNECTIONS = 8
const BATCH = 100
const AIMS = { batches: 0.5 }
const PATH = '/api/external/events'

/** What is measured, in this order: `once` are events with an id of the client. */
const KINDS = ['bare', 'event', 'onceEvent', 'action', 'batch', 'onceBatch', 'plain'] as const
type Kind = (typeof KINDS)[number]

/** Events or actions a second, and the CPU that the accepting process and Postgres spend on one, in microseconds. */
interface Measured {
  rate: number
  cpuMicros: number
}

type Round = Record<Kind, Measured>

/**
 * What a web process accepts a second, each with its commit before the answer: requests of one event and of one action
 * against a bare Koa route that reads the body and answers, and batches of 100 events against a plain insert of the same
 * rows. There is no worker: reading what was accepted is another scenario's.
 */
export const ingest: Scenario = {
  name: 'ingest',
  async run(machine, { isQuick, rounds }) {
    const sizes = isQuick ? { singles: 4_000, batched: 20_000 } : { singles: 20_000, batched: 100_000 }
    const bare = await startBare()
    const all: Round[] = []
    for (let round = 1; round <= rounds; round++) {
      all.push(await oneRound(machine, bare, sizes))
      const shown = Object.entries(all.at(-1)!).map(
        ([name, { rate, cpuMicros }]) => `${name} ${rate.toFixed(0)}/s ${cpuMicros.toFixed(0)} µs`,
      )
      say(`round ${round} ingest: ${shown.join(', ')}`)
    }
    bare.process.disconnect()
    return figuresOf(all)
  },
}

function figuresOf(all: readonly Round[]): Figure[] {
  const of = (kind: Kind, which: keyof Measured) => median(all.map((round) => round[kind][which]))
  const times = (kind: Kind, other: Kind, which: keyof Measured = 'rate') =>
    median(all.map((round) => round[kind][which] / round[other][which]))
  const rate = (what: string, kind: Kind) => plain(what, `${of(kind, 'rate').toFixed(0)}/s`)
  const ratio = (what: string, kind: Kind, other: Kind) => plain(what, `${times(kind, other).toFixed(2)} ×`)
  const cpu = (what: string, kind: Kind, other: Kind) =>
    Number.isNaN(of(kind, 'cpuMicros'))
      ? []
      : [
          plain(
            what,
            `${of(kind, 'cpuMicros').toFixed(0)} µs, ${times(kind, other, 'cpuMicros').toFixed(1)} ×`,
          ),
        ]
  const least = { least: AIMS.batches }
  return [
    rate('requests of one event, 64 connections', 'event'),
    ratio('the same against a bare Koa route', 'event', 'bare'),
    ratio('the same with ids of the client', 'onceEvent', 'bare'),
    ...cpu('CPU of one with its commit, against the bare route', 'event', 'bare'),
    rate('requests of one action, 64 connections', 'action'),
    ratio('the same against a bare Koa route', 'action', 'bare'),
    rate('events in batches of 100, 8 connections', 'batch'),
    figureOf('the same against a plain insert', times('batch', 'plain'), least, ' ×'),
    figureOf('the same with ids of the client', times('onceBatch', 'plain'), least, ' ×'),
    ...cpu('CPU of an event in a batch, against a plain insert', 'batch', 'plain'),
    ...cpu('the same with ids of the client', 'onceBatch', 'plain'),
  ]
}

interface Bare {
  process: ChildProcess
  port: number
}

async function startBare(): Promise<Bare> {
  const child = fork(new URL('../ingest/bare.worker.ts', import.meta.url))
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { process: child, port }
}

/** Everything in turn on one new database; what is new to a process is warmed up before it is measured. */
async function oneRound(
  machine: Machine,
  bare: Bare,
  { singles, batched }: { singles: number; batched: number },
): Promise<Round> {
  const database = await machine.fresh('bench_ingest')
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  const { port, key, tenant } = await webWithType(installation, machine)
  const web = { port, process: installation.processes[0]! }
  const postgres = await cpuOfPostgres(installation.ledger.pool)
  /** A tenth of the requests is for warming up. */
  const posted = async (path: string, bodies: readonly string[], each = 1, to: Bare = web) => {
    const requests = bodies.map((body) => requestBytes(path, key, body))
    const order = {
      port: to.port,
      connections: each === 1 ? CONNECTIONS : BATCH_CONNECTIONS,
      status: path.endsWith('actions') ? 201 : 202,
    }
    await hammer({ ...order, requests: requests.slice(0, requests.length / 10) })
    await rest(machine)
    const measured = requests.slice(requests.length / 10)
    const cpu = () => cpuOf(to.process.pid!) + postgres()
    return measuredOf(measured.length * each, cpu, () => hammer({ ...order, requests: measured }))
  }
  const events = (n: number, prefix: string | null, each: number) => eventBodies(makeEvents(n, prefix), each)
  const round: Round = {
    bare: await posted('/', events(singles, null, 1), 1, bare),
    event: await posted(PATH, events(singles, null, 1)),
    onceEvent: await posted(PATH, events(singles, 'one', 1)),
    action: await posted('/api/external/actions', actionBodies(singles)),
    batch: await posted(PATH, events(batched, null, BATCH), BATCH),
    onceBatch: await posted(PATH, events(batched, 'batch', BATCH), BATCH),
    plain: await inserted({ databaseUrl: database.url, tenant, n: batched }, machine, postgres),
  }
  await installation.stop()
  await database.drop()
  return round
}

/** The same events by a plain insert, from this process. */
async function inserted(
  { databaseUrl, tenant, n }: { databaseUrl: string; tenant: string; n: number },
  machine: Machine,
  postgres: () => number,
): Promise<Measured> {
  const order = { tenant, events: makeEvents(n, null), each: BATCH, connections: BATCH_CONNECTIONS }
  const { run, end } = await preparePlain(databaseUrl, order)
  await rest(machine)
  const measured = await measuredOf(n, () => cpuOf(process.pid) + postgres(), run)
  await end()
  return measured
}

async function rest(machine: Machine): Promise<void> {
  await machine.checkpoint()
  await sleep(200)
}

/** Times `n` of something by the seconds that `work` gives. */
async function measuredOf(n: number, cpu: () => number, work: () => Promise<number>): Promise<Measured> {
  const before = cpu()
  const seconds = await work()
  return { rate: n / seconds, cpuMicros: (cpu() - before) / n }
}

/** A web process with a tenant and its action type; nothing is ever sent, since there is no worker. */
async function webWithType(installation: Installation, machine: Machine) {
  const { url, key, tenantSlug } = await installation.web()
  const answer = await fetch(`${url}/api/external/action-types`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: 'grant_points',
      provider: 'bench',
      parameters_schema: {},
      delivery_webhook: machine.receiver.url(),
    }),
  })
  if (!answer.ok) throw new Error(`an action type was answered with ${answer.status}`)
  const { rows } = await installation.ledger.pool.query<{ id: string }>(
    'select id from tenant where slug = $1',
    [tenantSlug],
  )
  return { port: Number(new URL(url).port), key, tenant: rows[0]!.id }
}
