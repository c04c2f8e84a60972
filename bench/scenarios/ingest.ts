import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { actionBodies, eventBodies, makeEvents } from '../ingest/bodies.ts'
import { hammer, requestBytes } from '../ingest/hammer.ts'
import { insertPlainly } from '../ingest/plain.ts'
import { Installation } from '../installation.ts'
import { type Machine, say } from '../machine.ts'
import { median } from '../statistics.ts'
import { figureOf, plain, type Scenario } from './scenario.ts'

const CONNECTIONS = 64
/** Of the batches: as many as the plain insert has to Postgres. */
const BATCH_CONNECTIONS = 8
const BATCH = 100
const AIMS = { batches: 0.5 }

/** Requests a second of each kind in one round, and events a second in batches. */
interface Round {
  bare: number
  event: number
  onceEvent: number
  action: number
  batches: number
  onceBatches: number
  plain: number
}

/**
 * What a web process accepts a second, each with its commit before the answer: requests of one event and of one action
 * against a bare Koa route that reads the body and answers, and batches of 100 events against a plain insert of the same
 * rows. There is no worker: reading what was accepted is another scenario's.
 */
export const ingest: Scenario = {
  name: 'ingest',
  async run(machine, { isQuick, rounds }) {
    const sizes = isQuick ? { singles: 4_000, batched: 20_000 } : { singles: 20_000, batched: 100_000 }
    const all: Round[] = []
    const { bare, port } = await startBare()
    for (let round = 1; round <= rounds; round++) {
      all.push(await oneRound(machine, port, sizes))
      const shown = Object.entries(all.at(-1)!).map(([name, rate]) => `${name} ${rate.toFixed(0)}/s`)
      say(`round ${round} ingest: ${shown.join(', ')}`)
    }
    bare.disconnect()
    const rate = (name: keyof Round) => median(all.map((round) => round[name]))
    const times = (name: keyof Round, of: keyof Round) => median(all.map((round) => round[name] / round[of]))
    const least = { least: AIMS.batches }
    return [
      plain('requests of one event, 64 connections', `${rate('event').toFixed(0)}/s`),
      plain('the same against a bare Koa route', `${times('event', 'bare').toFixed(2)} ×`),
      plain('the same with ids of the client', `${times('onceEvent', 'bare').toFixed(2)} ×`),
      plain('requests of one action, 64 connections', `${rate('action').toFixed(0)}/s`),
      plain('the same against a bare Koa route', `${times('action', 'bare').toFixed(2)} ×`),
      plain('events in batches of 100, 8 connections', `${rate('batches').toFixed(0)}/s`),
      figureOf('the same against a plain insert', times('batches', 'plain'), least, ' ×'),
      figureOf('the same with ids of the client', times('onceBatches', 'plain'), least, ' ×'),
    ]
  },
}

async function startBare(): Promise<{ bare: ChildProcess; port: number }> {
  const bare = fork(new URL('../ingest/bare.worker.ts', import.meta.url))
  const [{ port }] = (await once(bare, 'message')) as [{ port: number }]
  return { bare, port }
}

/** Everything in turn on one new database; what is new to a process is warmed up before it is measured. */
async function oneRound(
  machine: Machine,
  barePort: number,
  { singles, batched }: { singles: number; batched: number },
): Promise<Round> {
  const database = await machine.fresh('bench_ingest')
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  const { url, key, tenant } = await webWithType(installation, machine)
  const port = Number(new URL(url).port)
  const rateOf = async (path: string, bodies: readonly string[], status: number, to = port) => {
    const requests = bodies.map((body) => requestBytes(path, key, body))
    const connections = bodies[0]!.length > 10_000 ? BATCH_CONNECTIONS : CONNECTIONS
    await hammer({ port: to, connections, requests: requests.slice(0, requests.length / 10), status })
    await machine.checkpoint()
    await sleep(200)
    const measured = requests.slice(requests.length / 10)
    return measured.length / (await hammer({ port: to, connections, requests: measured, status }))
  }
  const ones = (prefix: string | null) => eventBodies(makeEvents(singles, prefix), 1)
  const hundreds = (prefix: string | null) => eventBodies(makeEvents(batched, prefix), BATCH)
  const path = '/api/external/events'
  const round: Round = {
    bare: await rateOf('/', ones(null), 202, barePort),
    event: await rateOf(path, ones(null), 202),
    onceEvent: await rateOf(path, ones('one'), 202),
    action: await rateOf('/api/external/actions', actionBodies(singles), 201),
    batches: BATCH * (await rateOf(path, hundreds(null), 202)),
    onceBatches: BATCH * (await rateOf(path, hundreds('batch'), 202)),
    plain: 0,
  }
  await machine.checkpoint()
  const events = makeEvents(batched, null)
  const order = { tenant, events, each: BATCH, connections: BATCH_CONNECTIONS }
  round.plain = batched / (await insertPlainly(database.url, order))
  await installation.stop()
  await database.drop()
  return round
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
  return { url, key, tenant: rows[0]!.id }
}
