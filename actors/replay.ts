import type { Notice } from './notify.ts'

/** What is told again: from what happened, source by source, to what is to be told next and how far that came. Pure. */

/** Where what happened is found: the steps of actions, the events of clients, and what happened to neither. */
export const SOURCES = ['steps', 'events', 'notices'] as const
export type Source = (typeof SOURCES)[number]

/** Something that happened at `at` (ms), and where its source has it; null `notice`: nobody is told of it. */
export interface Past {
  at: number
  place: string
  notice: Notice | null
}

/** What comes next in a source, in its order; `isLast`: nothing follows within the time that is asked for. */
export interface PastPage {
  rows: readonly Past[]
  isLast: boolean
}

/** The last place of each source that was looked at; null: none yet. */
export type ReplayCursor = Readonly<Record<Source, string | null>>

/** What is to be told, how far that came, how much was looked at, and whether that was all. */
export interface Taken {
  notices: Notice[]
  cursor: ReplayCursor
  /** When the last of it happened, in ms; null where nothing was looked at. */
  reached: number | null
  lookedAt: number
  isEnd: boolean
}

/**
 * Takes what happened in the order in which it did, until `max` of it are wanted, a source has to be asked for more, or to
 * know what is wanted `isSpent`; what that was about is taken still.
 */
export function takeNext(
  pages: Readonly<Record<Source, PastPage>>,
  cursor: ReplayCursor,
  max: number,
  isWanted: (notice: Notice) => boolean,
  isSpent: () => boolean = () => false,
): Taken {
  const next: Record<Source, number> = { steps: 0, events: 0, notices: 0 }
  const places: Record<Source, string | null> = { ...cursor }
  const taken = { notices: [] as Notice[], reached: null as number | null, lookedAt: 0 }
  const isDry = (source: Source) => next[source] === pages[source].rows.length && !pages[source].isLast
  while (taken.notices.length < max && !isSpent() && !SOURCES.some(isDry)) {
    const source = earliest(pages, next)
    if (source === null) return { ...taken, cursor: places, isEnd: true }
    const { at, place, notice } = pages[source].rows[next[source]++]!
    if (notice !== null && isWanted(notice)) taken.notices.push(notice)
    taken.reached = at
    taken.lookedAt++
    places[source] = place
  }
  return { ...taken, cursor: places, isEnd: false }
}

/** The source whose next is the earliest; null where all are empty. */
function earliest(
  pages: Readonly<Record<Source, PastPage>>,
  next: Readonly<Record<Source, number>>,
): Source | null {
  let first: Source | null = null
  for (const source of SOURCES) {
    const at = pages[source].rows[next[source]]?.at
    const best = first === null ? undefined : pages[first].rows[next[first]]!.at
    if (at !== undefined && (best === undefined || at < best)) first = source
  }
  return first
}
