import type { Pool } from 'pg'
import { DEATHS_COUNT, SUSPECT_PARTITION } from './actions/suspects.ts'
import { SLEEP_LANE } from './actions/timers.ts'
import { type RulesStatus, readRulesInUse } from './rules/rules-in-use.ts'
import { type StoppedVersion, stoppedVersions } from './rules/watched-versions.ts'

/** Counting stops here: what matters at night is that it is many. A lane is counted by its slices, eight as a rule. */
const COUNT_MAX = 100_000
const SLICE_COUNT_MAX = COUNT_MAX / 8
/** Slices of lanes that are looked at. */
const SLICES_MAX = 20_000
const LANES_SHOWN = 20
const SUSPECTS_SHOWN = 20

export interface WorkerStatus {
  id: string
  host: string
  pid: number
  partitions: number
  /** ms until its beat ends; negative: it ended. */
  beatEndsInMs: number | null
}

export interface LaneStatus {
  tenant: string
  destination: string
  /** Due or due within seconds; at least as many where `isMore`. */
  waiting: number
  isMore: boolean
  /** How long its first action is due, in ms; negative: it is due in so many. */
  oldestMs: number
}

/** What an operator asks first. Counts stop, at 100,000 as a rule; there are more where `isMore`. */
export interface Status {
  workers: WorkerStatus[]
  /** `crashed`: an owner died and the next has not lived with it for a minute; `suspect`: two did, one after the other. */
  partitions: { all: number; free: number; crashed: number; suspect: number }
  /** Actions and events that workers had in hand alone when they died within the last hour, the latest first. */
  suspects: { id: string; p: number; deaths: number }[]
  waiting: number
  isMoreWaiting: boolean
  sleeping: number
  isMoreSleeping: boolean
  /** How long the oldest waiting action is due, in ms; null where none waits. */
  oldestMs: number | null
  lanes: LaneStatus[]
  breakers: { tenant: string; destination: string; state: string; reason: string; openForMs: number }[]
  deadLetters: number
  notSending: { tenant: string; sending: string; reason: string | null }[]
  rules: RulesStatus
  /** Versions of tenants' rules that were stopped for what came of them within three days. */
  stopped: StoppedVersion[]
}

/** The state of the installation; bounded work, however much waits. */
export async function readStatus(pool: Pool): Promise<Status> {
  const [workers, partitions, suspects, lanes, sleeping, breakers, deadLetters, notSending, rules, stopped] =
    await Promise.all([
      readWorkers(pool),
      readPartitions(pool),
      readSuspects(pool),
      readLanes(pool),
      readSleeping(pool),
      readBreakers(pool),
      pool.query<{ n: number }>('select count(*)::int as n from dead_letter where resolved_at is null'),
      pool.query<Status['notSending'][number]>(
        `select slug as tenant, sending, sending_reason as reason from tenant where sending <> 'on' order by slug`,
      ),
      readRulesInUse(pool),
      stoppedVersions(pool),
    ])
  return {
    workers,
    partitions,
    suspects,
    waiting: lanes.reduce((sum, lane) => sum + lane.waiting, 0),
    isMoreWaiting: lanes.some(({ isMore }) => isMore),
    sleeping,
    isMoreSleeping: sleeping >= COUNT_MAX,
    oldestMs: lanes.reduce<number | null>((most, { oldestMs }) => Math.max(most ?? oldestMs, oldestMs), null),
    lanes: lanes.slice(0, LANES_SHOWN),
    breakers,
    deadLetters: deadLetters.rows[0]!.n,
    notSending: notSending.rows,
    rules,
    stopped,
  }
}

async function readWorkers(pool: Pool): Promise<WorkerStatus[]> {
  const { rows } = await pool.query<WorkerStatus>(
    `select w.id, w.host, w.pid, (select count(*)::int from partition where owner = w.id) as partitions,
            date_part('epoch', b.until - now()) * 1000 as "beatEndsInMs"
     from worker w left join beat b on b.worker = w.id where w.dead_at is null order by w.id`,
  )
  return rows
}

async function readPartitions(pool: Pool): Promise<Status['partitions']> {
  const { rows } = await pool.query<Status['partitions']>(
    `select count(*)::int as all, (count(*) filter (where owner is null))::int as free,
            (count(*) filter (where crashes > 0))::int as crashed,
            (count(*) filter (where ${SUSPECT_PARTITION}))::int as suspect from partition`,
  )
  return rows[0]!
}

async function readSuspects(pool: Pool): Promise<Status['suspects']> {
  const { rows } = await pool.query<Status['suspects'][number]>(
    `select id, p, deaths from suspect where ${DEATHS_COUNT} order by died_at desc limit ${SUSPECTS_SHOWN}`,
  )
  return rows
}

// From lane to lane as the sweep walks, with a count of each that stops early.
async function readLanes(pool: Pool): Promise<LaneStatus[]> {
  const { rows } = await pool.query<LaneStatus>(
    `with recursive l as (
       select x.* from partition o, lateral (
         select t.p, t.lane, t.at, t.id from timer t where t.p = o.p and t.lane > ${SLEEP_LANE} order by t.lane, t.at limit 1) x
       union all
       select x.* from l, lateral (
         select t.p, t.lane, t.at, t.id from timer t where t.p = l.p and t.lane > l.lane order by t.lane, t.at limit 1) x
     ), slice as (
       select l.*, (select count(*) from (select from timer t where t.p = l.p and t.lane = l.lane limit ${SLICE_COUNT_MAX}) n) as n
       from l limit ${SLICES_MAX}
     ), lane as (
       select lane, sum(n)::int as waiting, min(at) as at, min(id) as id,
              bool_or(n >= ${SLICE_COUNT_MAX}) or (select count(*) from slice) >= ${SLICES_MAX} as is_more
       from slice group by lane
     )
     select t.slug as tenant, substring(coalesce(y.delivery_webhook, w.url) from '^[a-z]+://[^/?#]+') as destination, lane.waiting,
            lane.is_more as "isMore", date_part('epoch', now() - lane.at) * 1000 as "oldestMs"
     from lane join action a on a.id = lane.id left join action_type y on y.id = a.type left join endpoint w on w.id = a.type
       join tenant t on t.id = a.tenant
     order by lane.waiting desc`,
  )
  return rows
}

async function readSleeping(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*)::int as n from (
       select from partition o, lateral (select from timer t where t.p = o.p and t.lane = ${SLEEP_LANE} limit ${COUNT_MAX}) x
       limit ${COUNT_MAX}) n`,
  )
  return rows[0]!.n
}

async function readBreakers(pool: Pool): Promise<Status['breakers']> {
  const { rows } = await pool.query<Status['breakers'][number]>(
    `select t.slug as tenant, b.destination, b.state, b.reason, date_part('epoch', now() - b.opened_at) * 1000 as "openForMs"
     from breaker b join tenant t on t.id = b.tenant where b.state <> 'closed' order by b.opened_at`,
  )
  return rows
}
