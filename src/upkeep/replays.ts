import { subscription } from '../../actors/event-types.ts'
import type { Notice } from '../../actors/notify.ts'
import { takeNext } from '../../actors/replay.ts'
import { Repeated } from '../clock.ts'
import { newId } from '../ids.ts'
import { insertActions } from '../ledger/actions/insert-actions.ts'
import { readHealth } from '../ledger/endpoints/endpoint-health.ts'
import {
  type EndpointRegistryOptions,
  type RegisteredEndpoint,
  registeredEndpoint,
} from '../ledger/endpoints/endpoint-registry.ts'
import { endpointForReplay } from '../ledger/endpoints/endpoints.ts'
import { countPast, isSettled, readPast, usersBeingErased } from '../ledger/endpoints/past.ts'
import { countWaiting } from '../ledger/endpoints/pull.ts'
import {
  advanceReplay,
  countInLane,
  postponeReplay,
  type Replay,
  takeReplay,
} from '../ledger/endpoints/replays.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { laneOfReplays, slicesOf } from '../ledger/placement.ts'
import { inTransaction, type Transaction } from '../ledger/transaction.ts'
import type { Log } from '../log.ts'
import { notifications } from '../turn/tell.ts'

const EVERY_MS = 250
/** Looked at in one step, of each source. */
const PAGE = 500
/** While so many of a replay wait for their receiver, it makes no more. */
const WAITING_MAX = 1_000
const SECOND_MS = 1_000
/** What a filter may take in one step, about 20 ms, and how long the replay waits after a step in which it took that. */
const FILTER_STEPS = 200_000
const SPENT_MS = 100
/** What one filter may take by itself. */
const STEPS_A_FILTER = 10_000
/** An endpoint that does nothing but fail is tried with one notification this often. */
const FAILING_AGAIN_MS = 30_000

type Options = Omit<EndpointRegistryOptions, 'pool'>

/** Tells endpoints again what happened, a piece at a time; of several processes, one has a replay in hand. */
export class Replays {
  readonly #ledger: Ledger
  readonly #log: Log
  readonly #options: Options
  readonly #working = new Repeated(EVERY_MS, () => this.#run())

  constructor(ledger: Ledger, log: Log, options: Options) {
    this.#ledger = ledger
    this.#log = log
    this.#options = options
  }

  start(): void {
    this.#working.start((error) => {
      this.#log.warn({ error: String(error) }, 'upkeep: a replay could not go on; it is tried again')
    })
  }

  /** Resolves once nothing is asked of the ledger any more, after the present step at the latest. */
  stop(): Promise<void> {
    return this.#working.stop()
  }

  async #run(): Promise<void> {
    while (!this.#working.isStopped && (await this.#step()));
  }

  /** One step of one replay; false where none is due. A step that fails is tried again, behind the others. */
  async #step(): Promise<boolean> {
    let taken: string | undefined
    try {
      return await inTransaction(this.#ledger.pool, async (client) => {
        const replay = await takeReplay(client)
        if (replay === null) return false
        taken = replay.id
        await this.#continue(client, replay)
        return true
      })
    } catch (error) {
      if (taken !== undefined)
        await postponeReplay(this.#ledger.pool, taken, `an error: ${String(error)}`, FAILING_AGAIN_MS)
      throw error
    }
  }

  /** What is made and how far that came are committed together: whoever is killed has done all of a step or nothing. */
  async #continue(client: Transaction, replay: Replay): Promise<void> {
    const row = await endpointForReplay(client, replay.endpoint)
    if (row === null || row.deleted_at !== null) {
      await advanceReplay(client, replay.id, { ...replay, state: 'cancelled' }, 0)
      return
    }
    const own = registeredEndpoint(row, this.#options)
    const endpoint = own.isPulled ? own : { ...own, ...this.#placeOf(replay) }
    const held = await whatHolds(client, replay, endpoint)
    if (held !== null) {
      await postponeReplay(client, replay.id, held, SECOND_MS)
      return
    }
    const { failingSince } = await readHealth(client, replay.endpoint)
    const pace = failingSince === null ? [replay.perSecond, SECOND_MS] : [1, FAILING_AGAIN_MS]
    await this.#tell(client, replay, endpoint, pace as [number, number])
  }

  #placeOf({ tenant, endpoint }: Replay): { lane: string; slices: number[] } {
    const lane = laneOfReplays(tenant, endpoint)
    return { lane, slices: slicesOf(lane, this.#options.partitions, false) }
  }

  async #tell(
    client: Transaction,
    replay: Replay,
    endpoint: RegisteredEndpoint,
    [max, everyMs]: [number, number],
  ): Promise<void> {
    const estimated = replay.estimated ?? (await countPast(client, replay))
    const erased = await usersBeingErased(client, replay.tenant)
    const isNamed = subscription(replay.eventTypes)
    const left = { steps: FILTER_STEPS }
    const isWanted = ({ id, type, data, userId }: Notice) =>
      isNamed(type) &&
      endpoint.wants(type) &&
      !erased.has(userId) &&
      (endpoint.passes === null || endpoint.passes({ id, type, data }, left))
    const pages = await readPast(client, replay, replay.cursor, PAGE)
    // Whole filters only: each of them is given all that it may take.
    const isSpent = () => left.steps < STEPS_A_FILTER
    const taken = takeNext(pages, replay.cursor, max, isWanted, isSpent)
    await insertActions(
      client,
      taken.notices.flatMap((notice) => notifications(notice, [endpoint], { newId })),
    )
    const step = {
      ...taken,
      reached: taken.isEnd ? replay.until : taken.reached,
      lookedAt: replay.lookedAt + taken.lookedAt,
      told: replay.told + taken.notices.length,
      estimated,
      state: taken.isEnd ? ('done' as const) : ('running' as const),
    }
    // What nobody wants costs no time of the receiver's: the next page is looked at once.
    const waitMs = Math.max((everyMs * taken.notices.length) / max, isSpent() ? SPENT_MS : 0)
    await advanceReplay(client, replay.id, step, waitMs)
    if (taken.isEnd) this.#log.info({ replay: replay.id, told: step.told }, 'upkeep: a replay is done')
  }
}

/** Why a replay has to wait; null where it may go on. */
async function whatHolds(
  client: Transaction,
  { until, cursor }: Replay,
  endpoint: RegisteredEndpoint,
): Promise<string | null> {
  if (!endpoint.active) return 'the endpoint is not active'
  if (endpoint.isPaused && !endpoint.isPulled) return 'the endpoint is paused'
  const hasBegun = Object.values(cursor).some((place) => place !== null)
  if (!hasBegun && !(await isSettled(client, until))) return 'what happens at this moment'
  const waiting = endpoint.isPulled
    ? await countWaiting(client, endpoint.id, WAITING_MAX)
    : await countInLane(client, endpoint, WAITING_MAX)
  return waiting < WAITING_MAX ? null : `the receiver, for which ${WAITING_MAX} of it wait`
}
