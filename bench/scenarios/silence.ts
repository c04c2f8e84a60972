import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { partitionOfUser } from '../../src/ledger/placement.ts'
import { cpuOf, cpuOfPostgres } from '../ingest/cpu.ts'
import { Installation, PARTITIONS, until } from '../installation.ts'
import { type Machine, say } from '../machine.ts'
import { median, quantile } from '../statistics.ts'
import { figureOf, newSecret, plain, type Scenario } from './scenario.ts'

const DAY_MS = 86_400_000
const SILENCE_MS = 14 * DAY_MS
const IDLE_MS = 20_000
const ROUNDS = 3

const RULES = {
  domain: 'silence',
  rules: [
    {
      name: 'win-back',
      on: [{ inactive_for: '14d' }],
      when: true,
      action: 'grant_points',
      confidence: 0.5,
      reasoning: 'Silent since {trigger.last_seen}.',
    },
  ],
}

/**
 * Many people of whom some cross 14 days of silence, and a worker is killed in between: each is decided for once. Beside
 * it the same rules with nobody there, to see what all the others cost while nothing is due.
 */
export const silence: Scenario = {
  name: 'silence',
  async run(machine, { silence: asked }) {
    const rules = mkdtempSync(join(tmpdir(), 'volley-rules-'))
    mkdirSync(join(rules, 'recommendations'))
    writeFileSync(join(rules, 'recommendations', 'silence.json'), JSON.stringify(RULES))
    const env = { VOLLEY_RULES: rules }
    const nobody = await prepare(machine, 'nobody', 0)
    const many = await prepare(machine, 'many', asked.users)
    const armedMs = await arm(many, env)
    const idle = await compare([nobody, many], env)
    const told = await cross(machine, many, { ...asked, env })
    for (const { installation, database } of [nobody, many]) {
      await installation.stop()
      await database.drop()
    }
    rmSync(rules, { recursive: true })
    const label = asked.users.toLocaleString('en')
    return [
      plain(`${label} people inserted`, `${(many.insertedMs / 1_000).toFixed(1)} s`),
      figureOf('armed for a rule that is new', armedMs / 1_000, { most: 300 }, ' s'),
      plain('idle worker and PostgreSQL, nobody there', `${idle.nobody.toFixed(1)} ms CPU/s`),
      figureOf(`the same beside ${label} people who are not due`, idle.ratio, { most: 1.1 }, ' ×'),
      figureOf(`of ${asked.crossing} who cross within ${asked.withinS} s, decided for once`, told.once, {
        least: asked.crossing,
      }),
      figureOf('decided for twice, or too early', told.wrong, { most: 0 }),
      plain('late, median', `${told.p50.toFixed(0)} ms`),
      plain('late, 99th percentile, a worker killed in between', `${told.p99.toFixed(0)} ms`),
    ]
  },
}

type Side = Awaited<ReturnType<typeof prepare>>

async function prepare(machine: Machine, name: string, users: number) {
  const database = await machine.fresh(`bench_silence_${name}`)
  const installation = await Installation.open({ databaseUrl: database.url, redisUrl: machine.redisUrl })
  const secret = newSecret()
  const [destination] = await installation.destinations([machine.receiver.url()], secret)
  const { tenant } = destination!
  const startedAt = performance.now()
  for (let from = 0; from < users; from += 50_000) {
    const ids = Array.from({ length: Math.min(50_000, users - from) }, (_, i) => `user-${from + i}`)
    // Seen at some time of the last 13 days.
    await installation.ledger.pool.query(
      `insert into person (tenant, test, id, p, traits, activities, events, first_seen, last_seen, is_anonymous, refused)
       select $1, false, id, p, '{"plan":"pro"}', '{}', 12, now() - interval '90 days', now() - random() * interval '13 days', false, 0
       from unnest($2::text[], $3::smallint[]) as x(id, p)`,
      [tenant, ids, ids.map((id) => partitionOfUser(tenant, id, PARTITIONS))],
    )
  }
  const insertedMs = performance.now() - startedAt
  await installation.ledger.pool.query('vacuum analyze')
  await machine.checkpoint()
  return { database, installation, tenant, secret, insertedMs }
}

/** Starts the first worker with the rules; gives the time until everybody is armed for them. */
async function arm({ installation }: Side, env: Record<string, string>): Promise<number> {
  const startedAt = performance.now()
  await installation.worker(env)
  await until(async () => {
    await sleep(200)
    const { rows } = await installation.ledger.pool.query('select from armed where cardinality(done) > 0')
    return rows.length === 1
  })
  const ms = performance.now() - startedAt
  await installation.ledger.pool.query('vacuum analyze due')
  await installation.stopProcesses()
  say(`armed in ${(ms / 1_000).toFixed(1)} s`)
  return ms
}

/** What a worker and PostgreSQL spend a second while nothing is due, in turns beside nobody and beside many. */
async function compare([nobody, many]: [Side, Side], env: Record<string, string>) {
  const none: number[] = []
  const ratios: number[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const [a, b] = [await idleCpu(nobody, env), await idleCpu(many, env)]
    say(`round ${round} silence, idle: nobody ${a.toFixed(1)} ms CPU/s, many ${b.toFixed(1)} ms CPU/s`)
    none.push(a)
    ratios.push(b / a)
  }
  return { nobody: median(none), ratio: median(ratios) }
}

async function idleCpu({ installation }: Side, env: Record<string, string>): Promise<number> {
  const worker = await installation.worker(env)
  // What a start costs is not part of it.
  await sleep(4_000)
  const postgres = await cpuOfPostgres(installation.ledger.pool)
  const before = cpuOf(worker.pid!) + postgres()
  await sleep(IDLE_MS)
  const micros = cpuOf(worker.pid!) + postgres() - before
  await installation.stopProcesses()
  return micros / IDLE_MS
}

interface Crossing {
  crossing: number
  withinS: number
  env: Record<string, string>
}

/** Lets some of the people cross one after the other, and kills one of two workers in the middle. */
async function cross(machine: Machine, side: Side, { crossing, withinS, env }: Crossing) {
  const { installation, tenant, secret } = side
  const { pool } = installation.ledger
  await machine.receiver.reset({ secret, expect: crossing })
  await installation.worker(env)
  const other = await installation.worker(env)
  const start = Date.now() + 5_000
  await pool.query(
    `with x as (
       select id, p, due_at, date_trunc('milliseconds', to_timestamp($2::float8 / 1000) + n * $3::float8 / $4 * interval '1 ms') as at
       from (select id, p, due_at, row_number() over () - 1 as n
             from (select id, p, due_at from person where tenant = $1 order by hashtext(id) limit $4) c) x
     ), gone as (
       delete from due d using x where d.p = x.p and d.tenant = $1 and d.id = x.id
     ), seen as (
       update person o set last_seen = x.at - $5::float8 * interval '1 ms', due_at = x.at from x where o.tenant = $1 and not o.test and o.id = x.id
     )
     insert into due (p, at, tenant, test, id) select p, at, $1, false, id from x`,
    [tenant, start, withinS * 1_000, crossing, SILENCE_MS],
  )
  await sleep(start + withinS * 500 - Date.now())
  other.kill('SIGKILL')
  say('a worker is killed')
  await sleep(start + withinS * 1_000 - Date.now())
  await until(async () => {
    await sleep(250)
    const { rows } = await pool.query<{ n: number }>('select count(*)::int as n from due where at <= now()')
    return rows[0]!.n === 0
  })
  await installation.settled()
  const { distinct, bad } = await machine.receiver.report()
  // What the killed worker had on the wire is sent again, under the same id.
  if (distinct !== crossing || bad > 0)
    throw new Error(`silence: ${distinct} actions of ${crossing} received, ${bad} badly signed`)
  const { rows } = await pool.query<{ user: string; late: number }>(
    `select user_id as user, date_part('epoch', d.at - (d.body->'trigger'->>'last_seen')::timestamptz) * 1000 - $1::float8 as late from decision d`,
    [SILENCE_MS],
  )
  const users = new Set(rows.map(({ user }) => user))
  const late = rows.map((row) => row.late)
  return {
    once: users.size,
    wrong: rows.length - users.size + late.filter((ms) => ms < 0).length,
    p50: quantile(late, 0.5),
    p99: quantile(late, 0.99),
  }
}
