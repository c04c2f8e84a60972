import type { Nudge } from './nudge.ts'

/** A stream entry has one field, `n`: nudges, one a line, `lane <p> <lane>`, `fact <p>` or `event <p>`. */
export const FIELD = 'n'

export function encode(nudges: readonly Nudge[]): string {
  return nudges
    .map((nudge) => (nudge.kind === 'lane' ? `lane ${nudge.p} ${nudge.lane}` : `${nudge.kind} ${nudge.p}`))
    .join('\n')
}

/** The nudges of an entry; a line that cannot be read is left out, since the sweep finds what it meant. */
export function decode(text: string): Nudge[] {
  return text.split('\n').flatMap((line): Nudge[] => {
    const [kind, p, lane] = line.split(' ')
    const partition = Number(p)
    if (!Number.isInteger(partition)) return []
    if (kind === 'lane' && lane !== undefined && /^-?\d+$/.test(lane)) return [{ kind, p: partition, lane }]
    if (kind === 'fact' || kind === 'event') return [{ kind, p: partition }]
    return []
  })
}
