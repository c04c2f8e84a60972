import { ARROWS, type Status } from '../../actors/action.ts'
import { noticeId } from '../../actors/notify.ts'
import { unpacked } from '../../src/dispatch/request.ts'
import { SLEEP_LANE } from '../../src/ledger/actions/timers.ts'
import type { Step, Transition } from '../../src/ledger/actions/transitions.ts'
import { timersOf } from './lanes-model.ts'
import type { Machine } from './machine.ts'
import type { Reaction } from './plan.ts'
import type { Postgres, Written } from './postgres.ts'
import { type StoredAction, type Tables, timerKey } from './tables.ts'
import { ENDPOINTS, MAX_IN_FLIGHT, PARTITIONS, RATE, SILENT_MS } from './types.ts'
import type { World } from './world.ts'

/** One POST as the receivers saw it. */
export interface Post {
  action: string
  type: string
  machine: Machine
  worker: string
  at: number
  /**
   * Null while it is on the wire; `isDefinite`: the sender was told that the receiver did not act; `isDelivered`: it was told
   * that the receiver did.
   */
  end: { at: number; isDefinite: boolean; isDelivered: boolean } | null
  reaction: Reaction
}

const ENDED: ReadonlySet<Status> = new Set(['completed', 'failed', 'expired'])
/** Of results, of facts, and of deadlines in each partition. */
const ROWS_A_TURN = 256 + 256 + 100 * PARTITIONS
/** Within this an action of a healthy lane is sent, whatever else there is to do and even if nobody tells of it. */
const SERVED_WITHIN_MS = 8_000
/** The same after the last fault, when everything must first be buried, claimed and found. */
const RECOVERED_WITHIN_MS = 35_000

export interface AuditorOptions {
  world: World
  postgres: Postgres
  /** No process, connection or server is disturbed in this run. */
  isQuiet: boolean
  /** Nothing but that, and workers that are told to stop and hand over what they have. */
  isGraceful: boolean
  /** Some run falls back to an older state of the ledger: what it forgot may happen again. */
  fallsBack: boolean
}

/** Watches a run from outside, and writes down each breach of what docs/simulation.md says must always hold. */
export class Auditor {
  readonly breaches: string[] = []
  readonly posts: Post[] = []
  readonly #options: AuditorOptions
  /** When the ledger last promised each worker that it lives, by the world's clock. */
  readonly #beats = new Map<string, number>()
  readonly #accepted = new Map<string, { type: string; dueAt: number; at: number }>()
  /** By action: who last said that it would send it, and when. */
  readonly #claims = new Map<string, { worker: string; at: number }>()
  /** When a client was told that its event is accepted. */
  readonly #events = new Map<string, number>()
  /** By action: the outcomes of which a client was told that they are recorded. */
  readonly #outcomes = new Map<string, string[]>()

  constructor(options: AuditorOptions) {
    this.#options = options
    options.postgres.onCommit = (written, before) => this.#committed(written, before)
    options.postgres.onBeat = (worker, until) =>
      this.#beats.set(worker, Math.max(until, this.#beats.get(worker) ?? 0))
  }

  breach(invariant: number, what: string): void {
    const { world } = this.#options
    this.breaches.push(`invariant ${invariant}, at ${Math.round(world.elapsedMs)} ms: ${what}`)
  }

  /** A client was told that an action is accepted. */
  accepted(id: string, type: string, dueAt: number): void {
    this.#accepted.set(id, { type, dueAt, at: this.#options.world.now })
  }

  /** A client was told that an event is accepted. */
  eventAccepted(id: string): void {
    this.#events.set(id, this.#options.world.now)
  }

  /** A client was told that its outcome is the action's. */
  acknowledged(id: string, status: string): void {
    const known = this.#outcomes.get(id) ?? []
    this.#outcomes.set(id, [...known, status])
    if (known.length > 0 && !this.#options.fallsBack)
      this.breach(6, `two outcomes of ${id} were recorded: ${known.join(', ')} and ${status}`)
  }

  /** A POST begins. */
  posted(post: Post): void {
    const { world, postgres, fallsBack, isQuiet } = this.#options
    const { action, machine, worker } = post
    if (
      this.posts.some((other) => other.action === action && other.machine === machine && other.end === null)
    )
      this.breach(2, `${action} is on the wire twice from ${machine.name}`)
    if (world.now > (this.#beats.get(worker) ?? 0))
      this.breach(3, `${worker} sends ${action} past the end of its beat`)
    const stored = postgres.tables.actions.get(action)
    if (stored !== undefined && ENDED.has(stored.row.state.status) && !fallsBack)
      this.breach(2, `${action} is sent though it is ${stored.row.state.status}`)
    if (stored !== undefined && isQuiet && postgres.tables.partitions.get(stored.row.p)?.owner !== worker)
      this.breach(4, `${worker} sends ${action} of a partition that it does not own`)
    if (post.type === 'once' && !fallsBack) this.#mustBeResolved(post)
    this.#limits(post)
    this.posts.push(post)
  }

  #mustBeResolved({ action }: Post): void {
    const { postgres } = this.#options
    const forcedAt = (postgres.tables.history.get(action) ?? []).findLast(({ kind }) => kind === 'retry')?.at
    const earlier = this.posts.filter((post) => post.action === action && post.at >= (forcedAt ?? 0))
    if (earlier.some(({ end }) => end === null || !end.isDefinite))
      this.breach(7, `${action} is sent again though it may have been received`)
  }

  #limits({ type, at }: Post): void {
    const { isQuiet } = this.#options
    if (type === 'capped' && !this.#options.fallsBack) {
      const live = this.posts.filter(
        (post) => post.type === type && post.end === null && !post.machine.isPaused && !post.machine.isDead,
      )
      if (live.length >= MAX_IN_FLIGHT)
        this.breach(7, `${live.length + 1} POSTs of a type with room for ${MAX_IN_FLIGHT}`)
    }
    if (type === 'paced' && isQuiet) {
      const recent = this.posts.filter((post) => post.type === type && post.at > at - RATE.perMs + 1)
      if (recent.length >= RATE.limit) this.breach(7, `${recent.length + 1} POSTs within ${RATE.perMs} ms`)
    }
  }

  #committed(written: Written, tables: Tables): void {
    const { worker, transitions } = written
    if (tables.workers.get(worker)?.deadAt !== null) this.breach(4, `${worker} commits and is buried`)
    if (transitions.length > ROWS_A_TURN) this.breach(9, `${transitions.length} rows in one turn`)
    for (const { id, p } of [...transitions, ...written.claims])
      if (tables.partitions.get(p)?.owner !== worker)
        this.breach(4, `${worker} writes ${id}, whose partition it does not own`)
    for (const { id } of written.claims) this.#claims.set(id, { worker, at: this.#options.world.now })
    for (const transition of transitions) {
      this.#stepsFollow(transition, tables)
      this.#waitsForTheWire(transition, written, tables)
      this.#isInDoubt(transition, worker, tables)
      if (transition.next.status === 'expired') this.#nothingUnread(transition, written, tables)
    }
  }

  /**
   * Who claimed an action and never sent it knows that nobody did, and must not give it up; unless its partition was
   * another's meanwhile, who may have sent it.
   */
  #isInDoubt({ id, p, steps }: Transition, worker: string, tables: Tables): void {
    const claim = this.#claims.get(id)
    if (claim?.worker !== worker || !steps.some(({ kind }) => kind === 'ambiguous')) return
    if (tables.partitions.get(p)!.claimedAt > claim.at) return
    if (!this.posts.some((post) => post.action === id && post.at >= claim.at))
      this.breach(7, `${worker} gives ${id} up as if it had been sent, and knows that it was not`)
  }

  #stepsFollow({ id, before, next, steps }: Transition, tables: Tables): void {
    const stored = tables.actions.get(id)
    if (stored?.row.state.version !== before.version)
      this.breach(5, `${id} is at version ${stored?.row.state.version} and written from ${before.version}`)
    let { status, version } = before
    for (const step of steps) {
      version++
      if (step.version !== version || step.from !== status || !isArrow(step))
        this.breach(5, `${id}: step ${step.version} (${step.kind}) goes from ${step.from} to ${step.to}`)
      status = step.to
    }
    if (next.version !== version || next.status !== status)
      this.breach(5, `${id} becomes ${next.status} by steps that lead to ${status}`)
  }

  /** A cancel or a deadline of what its owner has sent is heard after what came of it, and success wins. */
  #waitsForTheWire({ id, steps }: Transition, { worker }: Written, tables: Tables): void {
    const early = steps.find(({ kind }) => isEarly(kind))
    // What a fall-back forgot may have been the result.
    if (this.#options.fallsBack || early === undefined || steps.some(({ kind }) => kind === 'result')) return
    const since =
      tables.history.get(id)?.findLast(({ kind }) => kind === 'result' || kind === 'retry')?.at ?? 0
    const isOpen = ({ end }: Post) => end === null || end.isDelivered
    if (
      this.posts.some(
        (post) => post.action === id && post.worker === worker && post.at >= since && isOpen(post),
      )
    )
      this.breach(
        5,
        `${id} hears a ${early.kind} while ${worker} waits for its POST, or was told that it arrived`,
      )
  }

  #nothingUnread({ id }: Transition, { applied, fencedAt }: Written, tables: Tables): void {
    const unread = [...tables.facts.values()].find(
      (fact) => fact.actionId === id && fact.kind === 'outcome' && !fact.applied && fact.at < fencedAt,
    )
    if (unread !== undefined && !applied.some((fact) => fact.actionId === id && fact.kind === 'outcome'))
      this.breach(6, `${id} expires though its outcome had been accepted`)
  }

  /** A process has written a warning or an error into its log. */
  complained(machine: string, text: string): void {
    if (this.#options.isQuiet) this.breach(12, `${machine} has no reason to complain: ${text}`)
  }

  /** The run is over: faults stopped at `faultsEndedAt`, and everything had time to end. */
  finish(faultsEndedAt: number): void {
    const { postgres, isGraceful, fallsBack } = this.#options
    for (const stored of postgres.tables.actions.values()) this.#hasEnded(stored, faultsEndedAt)
    if (!fallsBack) this.#nothingLost()
    this.#eventsInOrder()
    this.#peopleKnowTheirEvents()
    this.#historyHasNoGaps()
    this.#timersMatch()
    this.#everyoneIsTold()
    this.#outcomesTeachOnce()
    this.#silencesAreTold()
    for (const fact of postgres.tables.facts.values())
      if (!fact.applied) this.breach(1, `the ${fact.kind} of ${fact.actionId} is never heard`)
    for (const letter of postgres.tables.deadLetters.values())
      this.breach(12, `a dead letter about ${letter.actionId}: ${letter.error}`)
    if (isGraceful) this.#nothingTwice()
  }

  /** A worker has ended or still runs, and everything has ended: nothing may be left in its hands. */
  handsEmpty(worker: string, inHand: Record<string, number>): void {
    const left = Object.entries(inHand).filter(([, count]) => count > 0)
    if (left.length > 0)
      this.breach(
        9,
        `${worker} still has in hand: ${left.map(([what, count]) => `${count} ${what}`).join(', ')}`,
      )
  }

  #hasEnded({ row }: StoredAction, faultsEndedAt: number): void {
    const { id, type, state } = row
    if (!ENDED.has(state.status)) this.breach(1, `${id} (${type}) is still ${state.status}`)
    const accepted = this.#accepted.get(id)
    if (type === 'flooded' || accepted === undefined) return
    const history = this.#options.postgres.tables.history.get(id) ?? []
    const first = this.posts.find((post) => post.action === id)
    // What ended before it was sent, by a cancel or an outcome that came early, needed no sending.
    const end = Math.min(first?.at ?? Number.POSITIVE_INFINITY, history[0]?.at ?? Number.POSITIVE_INFINITY)
    const isServed = first !== undefined || state.status !== 'expired'
    if (!isServed && end - Math.max(accepted.dueAt, faultsEndedAt) > RECOVERED_WITHIN_MS)
      this.breach(10, `${id} (${type}) expired and was never sent`)
    const waited = end - Math.max(accepted.dueAt, accepted.at)
    if (this.#options.isQuiet && type === 'quiet' && waited > SERVED_WITHIN_MS)
      this.breach(10, `${id} waited ${Math.round(waited)} ms for its first POST`)
  }

  #nothingLost(): void {
    const { actions } = this.#options.postgres.tables
    for (const id of this.#accepted.keys())
      if (!actions.has(id)) this.breach(1, `${id} was accepted and is gone`)
    for (const [id, [status]] of this.#outcomes) {
      const outcome = actions.get(id)?.row.state.outcome
      if (outcome?.status !== status)
        this.breach(6, `${id} has the outcome ${outcome?.status ?? 'none'}, and ${status} was recorded`)
    }
  }

  /** Whoever a visitor turns out to be: together, people were told of each event once. */
  #peopleKnowTheirEvents(): void {
    const { events, people } = this.#options.postgres.tables
    const told = [...people.values()].reduce((sum, person) => sum + person.events, 0)
    const count = [...events.values()].filter(({ kind }) => kind === 'event').length
    if (told !== count) this.breach(11, `people were told of ${told} events, and there are ${count}`)
  }

  /** What came of an action that a rule made frees its user and teaches, once. */
  #outcomesTeachOnce(): void {
    const { actions, people, lessons } = this.#options.postgres.tables
    for (const [who, { standing }] of people)
      for (const { open } of standing.offers)
        if (open !== null && ENDED.has(actions.get(open)?.row.state.status ?? 'pending'))
          this.breach(6, `${who} never hears that ${open} has ended`)
    const made = [...actions.values()].filter(({ row }) => row.origin.startsWith('rule:'))
    const counted = made.filter(({ row }) => row.state.outcome !== null).length
    const learnt = [...lessons.values()].reduce((sum, n) => sum + n, 0)
    if (learnt !== counted) this.breach(6, `${counted} outcomes taught ${learnt} times`)
  }

  /** Each silence of somebody is decided on once, when it has lasted and not while there were signs of life. */
  #silencesAreTold(): void {
    const { actions, decisions, events, people } = this.#options.postgres.tables
    const silences = [...decisions.values()].flatMap(({ userId, body, actionId }) => {
      const { trigger } = body as { trigger?: { last_seen: string } | null }
      if (trigger == null) return []
      return [{ userId, since: Date.parse(trigger.last_seen), at: actions.get(actionId!)!.createdAt }]
    })
    const hasJoins = [...events.values()].some(({ kind }) => kind === 'join')
    const counted = new Set<string>()
    for (const { userId, since, at } of silences) {
      const name = `the silence of ${userId} since ${since}`
      if (counted.has(name)) this.breach(13, `${name} is decided on twice`)
      counted.add(name)
      if (at < since + SILENT_MS) this.breach(13, `${name} is decided on too early`)
      const waited = at - since - SILENT_MS
      if (this.#options.isQuiet && !hasJoins && waited > SERVED_WITHIN_MS)
        this.breach(13, `${name} waited ${Math.round(waited)} ms`)
      // What is passed on to whom somebody turned out to be arrives a turn later.
      const sign = [...events.values()].find(
        ({ id, userId: of, kind, time }) =>
          of === userId && kind === 'event' && time > since && (this.#events.get(id) ?? at) < at,
      )
      if (sign !== undefined && !hasJoins && !this.#options.fallsBack)
        this.breach(13, `${name} is decided on after ${sign.id} had been accepted`)
    }
    for (const [who, { lastSeen, mergedInto }] of people)
      if (lastSeen !== null && mergedInto === null && !silences.some(({ since }) => since === lastSeen))
        this.breach(13, `nobody decides on the silence of ${who} since ${lastSeen}`)
  }

  /** One decision for each event, and each user's in the order of their events. */
  #eventsInOrder(): void {
    const { events, decisions } = this.#options.postgres.tables
    const decided = [...decisions.values()].map(({ eventId }) => eventId!)
    for (const { id, kind } of events.values()) {
      if (kind !== 'event') continue
      const count = decided.filter((each) => each === id).length
      if (count !== 1) this.breach(11, `${count} decisions about the event ${id}`)
    }
    // What is passed on to whom somebody turned out to be arrives a turn later than what comes in there.
    if ([...events.values()].some(({ kind }) => kind === 'join')) return
    for (const later of events.values())
      for (const earlier of events.values()) {
        // Only what was accepted before the other was sent has an order that anybody could know.
        const isBefore = (this.#events.get(earlier.id) ?? Number.POSITIVE_INFINITY) < later.time
        if (earlier.userId !== later.userId || !isBefore) continue
        if (earlier.kind !== 'event' || later.kind !== 'event') continue
        if (decided.indexOf(earlier.id) > decided.indexOf(later.id))
          this.breach(11, `${later.id} of ${later.userId} was decided on before ${earlier.id}`)
      }
  }

  #historyHasNoGaps(): void {
    const { history, actions } = this.#options.postgres.tables
    for (const [id, { row }] of actions) {
      const versions = (history.get(id) ?? []).map(({ version }) => version)
      if (versions.some((version, i) => version !== i + 1) || versions.length !== row.state.version)
        this.breach(5, `${id} is at version ${row.state.version} with history ${versions.join(', ')}`)
    }
  }

  /** Each step of an action and each event is told once to each endpoint that wants to hear of it, and nothing else is. */
  #everyoneIsTold(): void {
    const { actions, history, events, notices } = this.#options.postgres.tables
    const isNotification = (type: string) => ENDPOINTS.some(({ id }) => id === type)
    const happened = [...actions.values()]
      .filter(({ row }) => !isNotification(row.type))
      .flatMap(({ row: { id } }) =>
        (history.get(id) ?? []).map(({ to, version }) => ({
          type: `external_action.${to}`,
          id: noticeId(id, version),
        })),
      )
    for (const { id, kind, type } of events.values())
      if (kind === 'event') happened.push({ type, id: `evt_${id.slice(3)}` })
    const expected = new Set(
      happened.flatMap(({ type, id }) =>
        ENDPOINTS.filter((endpoint) => endpoint.wants(type)).map((endpoint) => `${endpoint.id} ${id}`),
      ),
    )
    for (const { row } of actions.values()) {
      if (!isNotification(row.type)) continue
      const told = `${row.type} ${unpacked(row.parameters).id}`
      if (!expected.delete(told)) this.breach(8, `${told} is told twice, or did not happen`)
    }
    for (const untold of expected) this.breach(8, `${untold} is never told`)
    for (const { id } of notices.values()) this.breach(8, `${id} is not told to everybody`)
  }

  #timersMatch(): void {
    const { tables } = this.#options.postgres
    const expected = new Set(
      [...tables.actions.values()].flatMap(({ row, isMute }) =>
        timersOf(row, Number.POSITIVE_INFINITY, isMute).map(timerKey),
      ),
    )
    for (const timer of tables.timers.values()) {
      const lane = timer.lane === SLEEP_LANE ? tables.actions.get(timer.id)?.row.lane : timer.lane
      if (!expected.delete(timerKey({ ...timer, lane: lane ?? '' })))
        this.breach(5, `${timer.id} has a timer too many`)
    }
    for (const key of expected) this.breach(5, `a timer is missing: ${key}`)
  }

  #nothingTwice(): void {
    for (const [id, steps] of this.#options.postgres.tables.history) {
      const recorded = steps.filter(({ kind }) => kind === 'result').length
      const posts = this.posts.filter((post) => post.action === id)
      // What comes back after an outcome ended the action is logged, and no step of it. An owner that took the partition over
      // knows of no POST of the one before, and lets a cancel or a deadline end the action meanwhile.
      const isUnheard = steps.some(
        ({ kind, writer }) =>
          kind === 'outcome' || (isEarly(kind) && posts.some(({ worker }) => worker !== writer)),
      )
      if (posts.length < recorded || posts.length > recorded + (isUnheard ? 1 : 0))
        this.breach(2, `${posts.length} POSTs of ${id} and ${recorded} recorded attempts`)
    }
  }
}

/** What waits for the result of a POST that is on the wire. */
const isEarly = (kind: Step['kind']): boolean => ['pulled', 'cancel', 'deadline'].includes(kind)

function isArrow({ kind, from, to }: Step): boolean {
  const names = kind === 'result' ? ['delivered', 'failed'] : [kind]
  return ARROWS.some(
    ({ on, from: starts, to: ends }) => names.includes(on) && starts.includes(from) && ends.includes(to),
  )
}
