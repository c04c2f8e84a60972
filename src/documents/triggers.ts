import { durationMs } from '../duration.ts'
import { refuse } from './evaluate.ts'
import { periodMs } from './policy.ts'

/** What of a user's scores is followed. */
export const STAGES = ['lifecycle_stage', 'risk_level'] as const
export const SCORES = ['engagement_score', 'activation_score'] as const
type Stage = (typeof STAGES)[number]
type Score = (typeof SCORES)[number]

/** What asks a rule though nobody announces it, as its author writes it. */
export interface WrittenTrigger {
  inactive_for?: string
  every?: string
  date?: string
  offset?: string
  yearly?: boolean
  change?: Stage | Score
  to?: string
  from?: string
  below?: number
  above?: number
  at?: string
}

interface Common {
  /** The same for triggers that fire together; people remember by it what they were told. */
  key: string
  /** Minutes of the user's own day at which it fires; null: as soon as what it waits for is there. */
  at: number | null
  /** IANA name, for users whose own zone is not known. */
  zone: string
  written: WrittenTrigger
}

/** `calendar` counts whole days of the user's calendar, in which a day may be 23 or 25 hours long. */
export type Offset = { kind: 'calendar'; days: number } | { kind: 'exact'; ms: number }

export type TimeTrigger = Common &
  (
    | { kind: 'inactive_for'; ms: number }
    | { kind: 'every'; ms: number }
    | { kind: 'date'; path: readonly string[]; offset: Offset; yearly: boolean }
  )
export type LevelTrigger = Common &
  (
    | { kind: 'stage'; of: Stage; to: string; from: string | null }
    | { kind: 'score'; of: Score; below: number | null; above: number | null }
  )
export type Trigger = TimeTrigger | LevelTrigger

export const isLevelTrigger = (trigger: Trigger): trigger is LevelTrigger =>
  trigger.kind === 'stage' || trigger.kind === 'score'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const SECOND_MS = 1_000

/** What may stand beside each of them. */
const BESIDE = {
  inactive_for: ['at'],
  every: ['at'],
  date: ['offset', 'yearly', 'at'],
  change: ['to', 'from', 'below', 'above', 'at'],
} as const satisfies Record<string, readonly (keyof WrittenTrigger)[]>
const KINDS = Object.keys(BESIDE) as (keyof typeof BESIDE)[]

/** Makes a trigger of what is valid by its schema. Throws `document_invalid` with the place in it. */
export function compileTrigger(written: WrittenTrigger, path: string, zone: string): Trigger {
  const named = Object.keys(written) as (keyof WrittenTrigger)[]
  const kinds = KINDS.filter((kind) => named.includes(kind))
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1)
    refuse(path, `must have exactly one of ${KINDS.join(', ')}; it has ${kinds.join(' and ') || 'none'}`)
  for (const name of named) {
    if (name === kind || (BESIDE[kind] as readonly string[]).includes(name)) continue
    const owner = KINDS.find((each) => (BESIDE[each] as readonly string[]).includes(name))
    refuse(`${path}/${name}`, `goes with \`${owner}\`, not with \`${kind}\``)
  }
  const at = written.at === undefined ? null : minutesOf(written.at)
  const common = { key: keyOf(written, zone), at, zone, written }
  switch (kind) {
    case 'inactive_for':
      return { kind, ...common, ms: atLeast(written.inactive_for!, `${path}/inactive_for`, '1s', SECOND_MS) }
    case 'every':
      return { kind, ...common, ms: period(written, path) }
    case 'date':
      return { kind, ...common, ...dateOf(written, path) }
    case 'change':
      return { ...common, ...changeOf(written, path) }
    default:
      return kind satisfies never
  }
}

/** In the order in which people write them, so that the same trigger has the same key in every document. */
function keyOf(written: WrittenTrigger, zone: string): string {
  const order = [...KINDS, 'offset', 'yearly', 'from', 'to', 'below', 'above', 'at'] as const
  const parts = order.flatMap((name) => (written[name] === undefined ? [] : [`${name} ${written[name]}`]))
  const isLocal = written.at !== undefined || written.date !== undefined
  return [...parts, ...(isLocal && zone !== 'UTC' ? [`in ${zone}`] : [])].join(' ')
}

export const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))

function atLeast(text: string, path: string, least: string, leastMs: number): number {
  const ms = periodMs(text, path)
  if (ms < leastMs) refuse(path, `must be a duration from "${least}" to "366d"`)
  return ms
}

function period({ every, at }: WrittenTrigger, path: string): number {
  const ms = atLeast(every!, `${path}/every`, '1h', HOUR_MS)
  if (at !== undefined && ms % DAY_MS !== 0)
    refuse(`${path}/every`, 'must be whole days such as "1d" where `at` says the hour')
  return ms
}

function dateOf({ date, offset, yearly, at }: WrittenTrigger, path: string) {
  const found: Offset =
    offset === undefined ? { kind: 'calendar', days: 0 } : offsetOf(offset, `${path}/offset`)
  if (at !== undefined && found.kind === 'exact')
    refuse(`${path}/offset`, 'must be whole days such as "-7d" where `at` says the hour')
  return { path: date!.split('.').slice(1), offset: found, yearly: yearly ?? false }
}

function offsetOf(text: string, path: string): Offset {
  const isBefore = text.startsWith('-')
  const written = isBefore ? text.slice(1) : text
  const ms = (durationMs(written) ?? 0) * (isBefore ? -1 : 1)
  if (Math.abs(ms) > 366 * DAY_MS) refuse(path, 'must be a duration from "-366d" to "366d"')
  return written.endsWith('d') ? { kind: 'calendar', days: ms / DAY_MS } : { kind: 'exact', ms }
}

function changeOf({ change, to, from, below, above }: WrittenTrigger, path: string) {
  if (change === 'lifecycle_stage' || change === 'risk_level') {
    for (const [name, value] of Object.entries({ below, above }))
      if (value !== undefined)
        refuse(`${path}/${name}`, `goes with a score; ${change} changes \`to\` something`)
    if (to === undefined) refuse(`${path}/to`, `is required: what ${change} changes to`)
    return { kind: 'stage', of: change, to, from: from ?? null } as const
  }
  for (const [name, value] of Object.entries({ to, from }))
    if (value !== undefined)
      refuse(`${path}/${name}`, `goes with a stage; ${change} falls \`below\` or rises \`above\``)
  if ((below === undefined) === (above === undefined))
    refuse(path, `must have either \`below\` or \`above\`: where ${change} passes`)
  return { kind: 'score', of: change!, below: below ?? null, above: above ?? null } as const
}
