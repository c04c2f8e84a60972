import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { Bystanders } from './bystanders.ts'
import { Chance } from './chance.ts'
import { Client } from './client.ts'
import { endFindings } from './ends.ts'
import { Faults } from './faults.ts'
import { cancelFindings, historyFindings, outcomeFindings } from './histories.ts'
import { Installation } from './installation.ts'
import { countOpen, readLedger } from './ledger-end.ts'
import type { Finding, LedgerEnd } from './observed.ts'
import { OwnerWatch } from './owners.ts'
import { Receivers } from './receivers.ts'
import { schedule } from './schedule.ts'
import { limitFindings, type Tally, tallySends } from './sends.ts'
import { Traffic } from './traffic.ts'

const TENANTS = 50
const RECEIVERS = 2
const CALM_MS = 3_000
const FAULT_EVERY_MS = 3_500
/** After the last fault, what was accepted must end within this. */
const SETTLE_MS = 90_000
/** What draws from chance, each from a stream of its own. */
const STREAM = { traffic: 1, bystanders: 2, faults: 3, receivers: 10 }

export interface RunOptions {
  seed: number
  actions: number
  /** How long actions are accepted and faults happen; what follows takes as long as it takes. */
  minutes: number
  say(line: string): void
}

/** What a run came to. */
export interface Run {
  parts: Parts
  ledger: LedgerEnd
  sends: Tally
  findings: Finding[]
  /** Seconds from the last fault until everything had ended. */
  settleSeconds: number
  seconds: number
}

interface Parts {
  installation: Installation
  pool: pg.Pool
  client: Client
  receivers: Receivers
  traffic: Traffic
  bystanders: Bystanders
  faults: Faults
  owners: OwnerWatch
  giveUp: AbortController
}

/** Starts an installation, lets it work while everything about it fails, and judges what it did. */
export async function run(options: RunOptions): Promise<Run> {
  const beganAt = performance.now()
  const parts = await start(options)
  try {
    const settleSeconds = await endure(parts, options)
    const ledger = await readLedger(parts.pool)
    const forced = await parts.installation.stop()
    return judge(parts, ledger, forced, { settleSeconds, seconds: (performance.now() - beganAt) / 1_000 })
  } finally {
    parts.giveUp.abort()
    parts.bystanders.stop()
    await parts.owners.stop()
    await parts.installation.stop()
    parts.receivers.stop()
    await parts.pool.end()
  }
}

async function start({ seed, say }: RunOptions): Promise<Parts> {
  say('starting PostgreSQL, Redis, two web and three worker processes')
  const installation = await Installation.start()
  const pool = new pg.Pool({
    connectionString: installation.postgres.url,
    max: 2,
    connectionTimeoutMillis: 2_000,
  })
  pool.on('error', () => undefined)
  const giveUp = new AbortController()
  const { signal } = giveUp
  const client = new Client(installation.urls)
  const bystanders = new Bystanders({ client, pool, signal, chance: new Chance(seed, STREAM.bystanders) })
  const receivers = await Receivers.start({
    seed,
    stream: STREAM.receivers,
    count: RECEIVERS,
    onReceipt: (receipt) => bystanders.onReceipt(receipt),
  })
  const keys = await installation.keys(Array.from({ length: TENANTS }, (_, i) => `tenant-${i}`))
  const traffic = new Traffic({
    client,
    receivers,
    chance: new Chance(seed, STREAM.traffic),
    keys,
    signal,
    onAccepted: (id, key) => bystanders.onAccepted(id, key),
  })
  await traffic.register()
  const faults = new Faults(installation, new Chance(seed, STREAM.faults))
  const owners = new OwnerWatch(installation, pool)
  return { installation, pool, client, receivers, traffic, bystanders, faults, owners, giveUp }
}

/** Everything that happens at once; returns the seconds that it took to settle. */
async function endure(parts: Parts, { seed, actions, minutes, say }: RunOptions): Promise<number> {
  const { faults, traffic, bystanders, receivers, owners, giveUp } = parts
  const forMs = minutes * 60_000
  const planned = schedule({ seed, fromMs: CALM_MS, untilMs: forMs, everyMs: FAULT_EVERY_MS })
  say(`${actions} actions and ${planned.length} faults in ${minutes} minutes`)
  owners.start()
  bystanders.start()
  const began = Date.now()
  const flowing = traffic.flow(actions, forMs)
  await Promise.all([faults.follow(planned, began), sleep(forMs)])
  say('the faults are over')
  const calmAt = performance.now()
  bystanders.stop()
  const timer = setTimeout(() => giveUp.abort(), SETTLE_MS)
  await flowing.catch((error) => say(`not every action was answered: ${error}`))
  await settled(parts, calmAt + SETTLE_MS)
  clearTimeout(timer)
  const seconds = (performance.now() - calmAt) / 1_000
  await receivers.settled()
  return seconds
}

/** Returns once nothing is left to do, or at `end` by the monotonic clock. */
async function settled({ pool, bystanders }: Parts, end: number): Promise<void> {
  for (let quiet = 0; quiet < 2 && performance.now() < end; ) {
    const open = await countOpen(pool).catch(() => 1)
    quiet = open === 0 && bystanders.isQuiet ? quiet + 1 : 0
    await sleep(500)
  }
}

function judge(
  parts: Parts,
  ledger: LedgerEnd,
  forced: readonly string[],
  times: { settleSeconds: number; seconds: number },
): Run {
  const { traffic, bystanders, receivers, faults, owners } = parts
  const { done } = faults
  const { accepted } = traffic
  const { receipts } = receivers
  const sends = tallySends(ledger, { accepted, receipts, faults: done, owners: owners.changes })
  const findings = [
    ...endFindings(accepted, ledger),
    ...historyFindings(ledger),
    ...outcomeFindings(bystanders.acknowledged, ledger),
    ...cancelFindings(bystanders.cancelled, ledger),
    ...sends.findings,
    ...limitFindings(accepted, receipts),
    ...traffic.findings,
    ...bystanders.findings,
    ...processFindings(parts.installation, forced),
  ]
  return { parts, ledger, sends, findings, ...times }
}

/** A process may fail to start while its ledger is away; once it runs, nothing but us may end it. */
function processFindings({ deaths, members }: Installation, forced: readonly string[]): Finding[] {
  const died = deaths.filter(({ hadStarted }) => hadStarted)
  return [
    ...died.map(({ name, how, lastLine }) => ({
      kind: 'process died',
      about: name,
      text: `${how}: ${lastLine}`,
    })),
    ...forced.map((name) => ({ kind: 'process did not end', about: name, text: 'SIGTERM was not enough' })),
    ...members.flatMap(({ process: { name, logFile } }) =>
      errorLines(logFile).map((text) => ({ kind: 'error in a log', about: name, text })),
    ),
  ]
}

function errorLines(logFile: string): string[] {
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"level":50') || line.startsWith('{"level":60'))
}
