import type { Done } from './run.ts'

/** What came of a run, in two lines. */
export function figures({ told, expected, repeated, kills, slowestMs, behindMs }: Done): string {
  const s = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
  return [
    `${told} of ${expected} deliveries came, ${repeated} of them again, after ${kills} kills.`,
    `The slowest event took ${s(slowestMs)} from its first endpoint to its last; the last delivery came ${s(behindMs)} after the last event.`,
  ].join('\n')
}
