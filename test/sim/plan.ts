import fc from 'fast-check'
import { TYPE_NAMES, type TypeName } from './types.ts'

/**
 * What a receiver makes of one POST: `ok` and `busy` are answered after so many ms; `silent` never is, though the receiver
 * may have acted on it; `dropped`: it acted, and the connection broke before the answer; `refused`: nothing was sent.
 */
export type Reaction =
  | { kind: 'ok' | 'busy'; afterMs: number }
  | { kind: 'silent' | 'dropped'; acts: boolean }
  | { kind: 'refused' }

export interface PlannedAction {
  atMs: number
  type: TypeName
  /** Null: due at once. */
  scheduledInMs: number | null
  /** So long after it is due; null: its type's, which is long enough for everything. */
  expiresInMs: number | null
  /** To its POSTs, one after the other; then it is well. */
  reactions: Reaction[]
  /** So many ms after the receiver first acted, and once more with another status where `again`; null: it never says. */
  outcome: { afterMs: number; status: 'completed' | 'rejected'; again: boolean } | null
  /** So many ms after it was sent to be accepted. */
  cancelInMs: number | null
  /** So many ms after it was sent to be accepted, its receiver comes for it. */
  pulledInMs: number | null
  /** Asked for when it has failed or expired. */
  isRetried: boolean
}

export interface PlannedEvent {
  atMs: number
  /** Index into `PEOPLE`. */
  user: number
  /** Another one, whom this one turns out to be; null: it did something. */
  joins: number | null
  /** How long its transaction stays open after the insert. */
  openMs: number
}

export type Fault =
  | { kind: 'killed'; atMs: number; worker: number; downMs: number }
  | { kind: 'told to stop'; atMs: number; worker: number; downMs: number }
  | { kind: 'paused'; atMs: number; worker: number; as: 'stopped' | 'suspended'; forMs: number }
  | { kind: 'cut off'; atMs: number; worker: number; silentMs: number }
  | { kind: 'clock set'; atMs: number; worker: number; byMs: number }
  | { kind: 'Postgres restarted'; atMs: number; downMs: number }
  | { kind: 'Postgres fell back'; atMs: number; downMs: number; byMs: number }
  | { kind: 'Redis wiped'; atMs: number; awayMs: number }

/** How nudges fare on their way, each a chance from 0 to 1. */
export interface NudgeLuck {
  lost: number
  repeated: number
  late: number
}

/** Everything about one simulated run; the same plan runs the same way each time. */
export interface Plan {
  seed: number
  workers: number
  nudges: NudgeLuck
  actions: PlannedAction[]
  events: PlannedEvent[]
  faults: Fault[]
}

/** Work and faults begin within this. */
export const BUSY_MS = 20_000

const within = (max: number) => fc.integer({ min: 0, max })
const atMs = within(BUSY_MS)
const worker = within(2)
/** Those of whom something comes in: two visitors and two users. */
export const PEOPLE = ['a1', 'a2', 'u1', 'u2'] as const
const person = within(PEOPLE.length - 1)

const reaction: fc.Arbitrary<Reaction> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('ok' as const), afterMs: within(400) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('busy' as const), afterMs: within(400) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ok' as const), afterMs: within(3_500) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('silent' as const), acts: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dropped' as const), acts: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refused' as const) }) },
)

/** Null in half of all cases. (`freq: 1` of fast-check is null in all of them.) */
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 2, nil: null })

const plannedAction: fc.Arbitrary<PlannedAction> = fc.record({
  atMs,
  type: fc.constantFrom(...TYPE_NAMES.filter((name) => name !== 'flooded')),
  scheduledInMs: orNull(within(25_000)),
  expiresInMs: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.integer({ min: 200, max: 8_000 }) },
  ),
  reactions: fc.array(reaction, { maxLength: 3 }),
  outcome: orNull(
    fc.record({
      afterMs: within(6_000),
      status: fc.constantFrom('completed' as const, 'rejected' as const),
      again: fc.boolean(),
    }),
  ),
  // Half of them while its POST may be on the wire.
  cancelInMs: orNull(fc.oneof(within(1_000), within(BUSY_MS))),
  pulledInMs: fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.oneof(within(1_000), within(BUSY_MS)) },
  ),
  isRetried: fc.boolean(),
})

/** A release: workers hand over what they have and come back, so partitions go from hand to hand. */
const handOver: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constant('told to stop' as const),
  atMs,
  worker,
  downMs: within(4_000),
})

const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('killed' as const), atMs, worker, downMs: within(8_000) }),
  handOver,
  fc.record({
    kind: fc.constant('paused' as const),
    atMs,
    worker,
    as: fc.constantFrom('stopped' as const, 'suspended' as const),
    forMs: within(16_000),
  }),
  fc.record({
    kind: fc.constant('cut off' as const),
    atMs,
    worker,
    silentMs: fc.constantFrom(0, 0, 4_000, 9_000),
  }),
  fc.record({
    kind: fc.constant('clock set' as const),
    atMs,
    worker,
    byMs: fc.integer({ min: -20_000, max: 20_000 }),
  }),
  fc.record({ kind: fc.constant('Postgres restarted' as const), atMs, downMs: within(5_000) }),
  fc.record({
    kind: fc.constant('Postgres fell back' as const),
    atMs,
    downMs: within(4_000),
    byMs: within(6_000),
  }),
  fc.record({ kind: fc.constant('Redis wiped' as const), atMs, awayMs: within(6_000) }),
)

const nudges: fc.Arbitrary<NudgeLuck> = fc.constantFrom(
  { lost: 0, repeated: 0, late: 0 },
  { lost: 1, repeated: 0, late: 0 },
  { lost: 0.3, repeated: 0.3, late: 0.3 },
)

/** Plans of all sorts: one in six without any fault and one with nothing but hand-overs, since then more is promised. */
export const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.noShrink(fc.integer({ min: 0, max: 0xffffffff })),
  workers: fc.integer({ min: 1, max: 3 }),
  nudges,
  actions: fc.array(plannedAction, { minLength: 1, maxLength: 14 }),
  events: fc.array(fc.record({ atMs, user: person, joins: orNull(person), openMs: within(400) }), {
    maxLength: 8,
  }),
  faults: fc
    .oneof(
      { weight: 1, arbitrary: fc.constant<Fault[]>([]) },
      { weight: 1, arbitrary: fc.array(handOver, { minLength: 1, maxLength: 4 }) },
      { weight: 4, arbitrary: fc.array(fault, { minLength: 1, maxLength: 4 }) },
    )
    .map(withOneTrueClock),
})

/** Where a machine sleeps and its wall clock is set back as well, neither of its clocks shows it: no process could tell. */
function withOneTrueClock(faults: Fault[]): Fault[] {
  const isSetBack = faults.some((fault) => fault.kind === 'clock set' && fault.byMs < 0)
  if (!isSetBack) return faults
  return faults.map((fault) => (fault.kind === 'paused' ? { ...fault, as: 'stopped' as const } : fault))
}
