import { Chance } from './chance.ts'

/** What can be done to an installation, and how long it lasts at least and at most, in ms. */
export const FAULTS = {
  'worker-kill': [0, 0],
  'worker-stop': [20_000, 20_000],
  'worker-end': [0, 0],
  'web-kill': [0, 0],
  'web-stop': [20_000, 20_000],
  'redis-flush': [0, 0],
  'redis-kill': [200, 4_000],
  'postgres-fast': [0, 2_000],
  'postgres-immediate': [0, 2_000],
  'worker-postgres-cut': [0, 0],
  'worker-postgres-half-open': [2_000, 9_000],
  'web-postgres-cut': [0, 0],
  'web-postgres-half-open': [2_000, 9_000],
  'worker-postgres-unheard-commit': [1_000, 3_000],
  'web-postgres-unheard-commit': [1_000, 3_000],
  'worker-redis-cut': [0, 0],
  'worker-redis-half-open': [2_000, 9_000],
  'web-redis-cut': [0, 0],
  'web-redis-half-open': [2_000, 9_000],
} as const satisfies Record<string, readonly [number, number]>

export type FaultKind = keyof typeof FAULTS

export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[]

/** A fault that is to happen; times in ms since the run began. */
export interface PlannedFault {
  kind: FaultKind
  atMs: number
  lastsMs: number
  /** From 0 up to 1: which of the processes of that kind. */
  target: number
  /** From 0 up to 1: how much of it, where a fault can be partial. */
  share: number
}

export interface ScheduleOptions {
  seed: number
  fromMs: number
  /** Nothing begins later, and nothing lasts longer. */
  untilMs: number
  /** The mean time between two faults. */
  everyMs: number
}

/**
 * The faults of a run, in order; the same options give the same ones. Kinds are dealt like cards, so that each comes
 * once before any comes again. Throws where the time is too short for every kind once.
 */
export function schedule(options: ScheduleOptions): PlannedFault[] {
  const { seed, fromMs, untilMs, everyMs } = options
  const chance = new Chance(seed)
  const slots = Math.floor((untilMs - fromMs) / everyMs)
  if (slots < FAULT_KINDS.length || untilMs - fromMs < 40_000)
    throw new Error(`every kind of fault once needs ${FAULT_KINDS.length} slots of ${everyMs} ms and 40 s`)
  const first = dealWhole(chance, options)
  const faults = [...first]
  while (faults.length < slots) {
    for (const kind of chance.shuffled(FAULT_KINDS)) {
      if (faults.length === slots) break
      faults.push(planned(chance, kind, faults.length, options))
    }
  }
  return faults.filter((fault) => fits(fault, untilMs))
}

const fits = (fault: PlannedFault, untilMs: number) => fault.atMs + fault.lastsMs <= untilMs

/** One of each kind, none of which is cut off by the end. */
function dealWhole(chance: Chance, options: ScheduleOptions): PlannedFault[] {
  for (;;) {
    const dealt = chance.shuffled(FAULT_KINDS).map((kind, slot) => planned(chance, kind, slot, options))
    if (dealt.every((fault) => fits(fault, options.untilMs))) return dealt
  }
}

function planned(chance: Chance, kind: FaultKind, slot: number, options: ScheduleOptions): PlannedFault {
  const [least, most] = FAULTS[kind]
  return {
    kind,
    atMs: Math.round(options.fromMs + (slot + chance.next()) * options.everyMs),
    lastsMs: Math.round(chance.between(least, most)),
    target: chance.next(),
    share: chance.between(0.3, 1),
  }
}
