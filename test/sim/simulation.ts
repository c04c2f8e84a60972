import { lessonsOf } from '../../src/decisions/lessons.ts'
import { unpacked } from '../../src/dispatch/request.ts'
import type { Log } from '../../src/log.ts'
import type { Nudge } from '../../src/mailbox/nudge.ts'
import { Worker } from '../../src/turn/worker.ts'
import { Auditor } from './auditor.ts'
import { ledgerModel } from './ledger-model.ts'
import { Machine } from './machine.ts'
import { Outside } from './outside.ts'
import { BUSY_MS, type Fault, type Plan, type PlannedAction } from './plan.ts'
import { Postgres } from './postgres.ts'
import { Redis } from './redis.ts'
import type { StoredAction, Tables } from './tables.ts'
import { BEAT_MS, ENDPOINTS, PARTITIONS, RULES, TYPES, WIRE_MAX } from './types.ts'
import { Web } from './web.ts'
import { World } from './world.ts'

/** A run that has not ended by then never will. */
const LONGEST_MS = 400_000
/** After the last fault, this much belongs to it: what it had cut off is told, paused ones go on. */
const AFTERMATH_MS = 4_000
const FLOOD = 24
/** Within this after everything has ended, the last answer has come and was heard. */
const QUIET_MS = 6_000

/** What a run showed. */
export interface Run {
  breaches: string[]
  posts: number
  /** Virtual ms that it took. */
  elapsedMs: number
  /** Every arrow that an action went along: what it heard, from where, to where. */
  arrows: ReadonlySet<string>
  /** What happened, one line each; empty unless asked for. */
  trace: string[]
}

/** A process with its worker; after a crash, another machine takes its place. */
interface Place {
  machine: Machine
  worker: Worker
}

/** One run of real workers in a world in which everything else is a model. */
export class Simulation {
  readonly #plan: Plan
  readonly #world: World
  readonly #postgres: Postgres
  readonly #redis: Redis
  readonly #outside: Outside
  readonly #auditor: Auditor
  readonly #web: Web
  readonly #places: Place[] = []
  readonly #planned = new Map<string, PlannedAction>()
  readonly #trace: string[] | null
  #machines = 0
  /** What clients are still to do, and requests of theirs that have no answer yet. */
  #toCome = 0

  constructor(plan: Plan, options: { isTraced?: boolean } = {}) {
    this.#plan = plan
    this.#trace = options.isTraced === true ? [] : null
    this.#world = new World(plan.seed)
    this.#postgres = new Postgres(this.#world, PARTITIONS)
    this.#redis = new Redis(this.#world, this.#postgres, plan.nudges)
    const isQuiet = plan.faults.every(({ kind }) => kind === 'Redis wiped')
    const isGraceful = plan.faults.every(({ kind }) => kind === 'Redis wiped' || kind === 'told to stop')
    // A hand-over allows a second for what is still to be told; a ledger that takes longer is a fault by itself.
    if (isGraceful) this.#world.slowestMs = 250
    this.#auditor = new Auditor({
      world: this.#world,
      postgres: this.#postgres,
      isQuiet,
      isGraceful,
      fallsBack: plan.faults.some(({ kind }) => kind === 'Postgres fell back'),
    })
    this.#outside = new Outside({
      world: this.#world,
      auditor: () => this.#auditor,
      notificationOf: (endpoint, event) => this.#notificationOf(endpoint, event),
      reactionOf: (action, n) => this.#planned.get(action)?.reactions[n] ?? this.#usual(action, n),
      onActed: (action) => this.#acted(action),
    })
    this.#web = new Web(
      new Machine(this.#world, 'web', 0),
      this.#postgres,
      this.#redis.nudger(),
      () => this.#auditor,
    )
  }

  async run(): Promise<Run> {
    for (let i = 0; i < this.#plan.workers; i++) this.#open(i)
    for (const [i, action] of this.#plan.actions.entries())
      this.#at(action.atMs, () => this.#accept(`ea_${String(i).padStart(26, '0')}`, action))
    this.#flood()
    for (const [i, event] of this.#plan.events.entries())
      this.#at(event.atMs, () => void this.#web.event(`ev_${i}`, event).catch(() => undefined))
    for (const fault of this.#plan.faults) this.#schedule(fault)
    const busyUntil = Math.max(BUSY_MS, ...this.#plan.faults.map(endOf))
    await this.#world.run(busyUntil + AFTERMATH_MS)
    const faultsEndedAt = this.#world.now
    await this.#world.run(LONGEST_MS, () => this.#auditor.breaches.length > 0 || this.#isOver())
    if (this.#auditor.breaches.length === 0) await this.#finish(faultsEndedAt)
    return {
      breaches: this.#auditor.breaches,
      posts: this.#auditor.posts.length,
      elapsedMs: this.#world.elapsedMs,
      arrows: this.#arrows(),
      trace: this.#trace ?? [],
    }
  }

  #arrows(): Set<string> {
    const steps = [...this.#postgres.tables.history.values()].flat()
    return new Set(steps.map(({ kind, from, to }) => `${kind}: ${from} -> ${to}`))
  }

  async #finish(faultsEndedAt: number): Promise<void> {
    this.#auditor.finish(faultsEndedAt)
    await this.#world.run(QUIET_MS)
    for (const { machine, worker } of this.#places)
      if (!machine.isDead) this.#auditor.handsEmpty(worker.id, worker.inHand())
  }

  #at(ms: number, run: () => void): void {
    this.#world.in(ms, run)
  }

  /** A client asks for something in so many ms; nothing is over before it has its answer. */
  #asks(ms: number, request: () => Promise<unknown>): void {
    this.#toCome++
    this.#at(ms, () => {
      void request()
        .catch(() => undefined)
        .finally(() => {
          this.#toCome--
        })
    })
  }

  #say(line: string): void {
    this.#trace?.push(`${String(Math.round(this.#world.elapsedMs)).padStart(7)}  ${line}`)
  }

  /** Starts the process in a place. It cannot start while the ledger is away, and is then tried again. */
  #open(place: number): void {
    const machine = new Machine(
      this.#world,
      `m${++this.#machines}`,
      place === 0 ? 0 : this.#world.random.between(-5_000, 5_000),
    )
    const hint = (nudges: readonly Nudge[]) => worker.hint(nudges)
    const openMailbox = (id: string) => this.#redis.open(id, { machine, hint })
    const worker: Worker = new Worker({
      ledger: ledgerModel(machine, this.#postgres),
      clock: machine.clock,
      registry: REGISTRY,
      tenants: { sendingOf: () => 'on', isFresh: () => true },
      latestRules: () => RULES,
      lessons: { ready: async () => undefined, of: (_, domain) => lessonsOf([])(domain) },
      client: this.#outside.sender(machine, () => worker.id),
      nudger: this.#redis.nudger((nudge) => {
        if (!worker.owns(nudge.p)) return false
        hint([nudge])
        return true
      }),
      log: this.#log(machine),
      partitions: PARTITIONS,
      headerPrefix: 'X-Volley-',
      beatMs: BEAT_MS,
      wireMax: WIRE_MAX,
      breakerShare: null,
      onReborn: openMailbox,
    })
    this.#places[place] = { machine, worker }
    this.#say(`${machine.name} starts`)
    worker.start().then(
      () => openMailbox(worker.id),
      () => {
        if (machine.isDead) return
        machine.die()
        this.#at(1_000, () => this.#open(place))
      },
    )
  }

  /** Everything that a process says goes into the trace. */
  #log(machine: Machine): Log {
    const say = (level: string) => (fields: object, text: string) =>
      this.#say(`${machine.name} ${level} ${text} ${JSON.stringify(fields)}`)
    const complain = (level: string) => (fields: object, text: string) => {
      say(level)(fields, text)
      this.#auditor.complained(machine.name, `${text} ${JSON.stringify(fields)}`)
    }
    const log = { info: say('info'), warn: complain('warn'), error: complain('error'), debug: say('debug') }
    return { ...log, isLevelEnabled: () => this.#trace !== null } as unknown as Log
  }

  #accept(id: string, action: PlannedAction): void {
    this.#planned.set(id, action)
    this.#say(`${id} (${action.type}) is accepted`)
    this.#asks(0, () => this.#web.accept(id, action.type, action))
    if (action.cancelInMs !== null) this.#asks(action.cancelInMs, () => this.#web.request(id, 'cancel'))
    if (action.pulledInMs !== null) this.#asks(action.pulledInMs, () => this.#web.request(id, 'pulled'))
    // Late enough to find it ended, if it is ever to be asked for.
    if (action.isRetried) this.#asks(BUSY_MS, () => this.#web.request(id, 'retry'))
  }

  /** A lane with more to do than there is room for, whose receiver never answers. */
  #flood(): void {
    for (let i = 0; i < FLOOD; i++) {
      const id = `ea_f${String(i).padStart(25, '0')}`
      this.#at(i * 3, () => void this.#web.accept(id, 'flooded', { scheduledInMs: null, expiresInMs: null }))
    }
  }

  /** A receiver that nobody planned: it is well, but the one that is flooded never answers. */
  #usual(action: string, n: number) {
    if (action.startsWith('ea_f')) return { kind: 'silent', acts: false } as const
    // Endpoints are told at the second try, now and then.
    if (n === 0 && action.endsWith('7')) return { kind: 'busy', afterMs: 5 } as const
    return { kind: 'ok', afterMs: 5 } as const
  }

  /** The action by which an endpoint is told of an event; where the ledger has forgotten it, its own name. */
  #notificationOf(endpoint: string, event: string): string {
    const isIt = ({ row }: StoredAction) => row.type === endpoint && unpacked(row.parameters).id === event
    return [...this.#postgres.tables.actions.values()].find(isIt)?.row.id ?? `${endpoint} ${event}`
  }

  #isOfRule(action: string): boolean {
    return this.#postgres.tables.actions.get(action)?.row.origin.startsWith('rule:') === true
  }

  #acted(action: string): void {
    // What a rule asked for is answered too, now and then.
    if (this.#isOfRule(action) && /[0-7]$/.test(action))
      this.#asks(30, () => this.#web.report(action, 'completed'))
    const outcome = this.#planned.get(action)?.outcome
    if (outcome === undefined || outcome === null) return
    const other = outcome.status === 'completed' ? 'rejected' : 'completed'
    this.#asks(outcome.afterMs, () => this.#web.report(action, outcome.status))
    if (outcome.again) this.#asks(outcome.afterMs + 20, () => this.#web.report(action, other))
  }

  #schedule(fault: Fault): void {
    if (fault.kind === 'Postgres fell back') {
      let older: Tables | null = null
      this.#at(Math.max(0, fault.atMs - fault.byMs), () => {
        older = this.#postgres.copy()
      })
      this.#at(fault.atMs, () => {
        this.#say(`Postgres falls back by ${fault.byMs} ms`)
        this.#postgres.restart(fault.downMs, older)
      })
      return
    }
    this.#at(fault.atMs, () => {
      this.#say(`${fault.kind} ${JSON.stringify(fault)}`)
      this.#happen(fault)
    })
  }

  #happen(fault: Exclude<Fault, { kind: 'Postgres fell back' }>): void {
    if (fault.kind === 'Postgres restarted') this.#postgres.restart(fault.downMs, null)
    else if (fault.kind === 'Redis wiped') this.#redis.wipe(fault.awayMs)
    else this.#befall(fault.worker % this.#plan.workers, fault)
  }

  #befall(place: number, fault: Extract<Fault, { worker: number }>): void {
    const { machine, worker } = this.#places[place]!
    const openAgain = (afterMs: number) => {
      machine.die()
      this.#at(afterMs, () => this.#open(place))
    }
    if (machine.isDead) return
    switch (fault.kind) {
      case 'killed':
        openAgain(fault.downMs)
        break
      case 'told to stop':
        machine.deliver(() => void worker.stop().then(() => openAgain(fault.downMs)))
        break
      case 'paused':
        machine.pause(fault.as)
        this.#at(fault.forMs, () => machine.resume())
        break
      case 'cut off':
        for (const connection of [...machine.connections]) connection.cut(fault.silentMs)
        break
      case 'clock set':
        machine.setWallOffset(fault.byMs)
        break
      default:
        fault satisfies never
    }
  }

  #isOver(): boolean {
    const { actions, due, facts, events, marks, notices } = this.#postgres.tables
    return (
      this.#toCome === 0 &&
      notices.size === 0 &&
      due.size === 0 &&
      [...events.values()].every(({ p, xid, seq }) => isRead(marks.get(p)!, xid, seq)) &&
      [...facts.values()].every(({ applied }) => applied) &&
      [...actions.values()].every(({ row }) => row.state.deadline === null && row.state.nextAt === null)
    )
  }
}

const isRead = (mark: { xid: number; seq: number }, xid: number, seq: number): boolean =>
  xid < mark.xid || (xid === mark.xid && seq <= mark.seq)

const IN_USE = new Map([...TYPES, ...ENDPOINTS.map((endpoint) => [endpoint.id, endpoint] as const)])

const REGISTRY = {
  cached: (id: string) => IN_USE.get(id),
  byIds: async (ids: Iterable<string>) =>
    new Map([...new Set(ids)].flatMap((id) => (IN_USE.has(id) ? [[id, IN_USE.get(id)!]] : []))),
  byNames: async (_tenant: string, names: Iterable<string>) =>
    new Map([...new Set(names)].flatMap((name) => (TYPES.has(name) ? [[name, TYPES.get(name)!]] : []))),
  endpointsOf: () => ENDPOINTS,
  followEndpoints: async () => undefined,
  isFresh: () => true,
}

function endOf(fault: Fault): number {
  switch (fault.kind) {
    case 'killed':
    case 'told to stop':
    case 'Postgres restarted':
    case 'Postgres fell back':
      return fault.atMs + fault.downMs
    case 'paused':
      return fault.atMs + fault.forMs
    case 'cut off':
      return fault.atMs + fault.silentMs
    case 'Redis wiped':
      return fault.atMs + fault.awayMs
    case 'clock set':
      return fault.atMs
    default:
      return fault satisfies never
  }
}
