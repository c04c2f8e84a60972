import type { Budget } from '../documents/evaluate.ts'
import type { Scores, Scoring } from '../documents/scoring.ts'

const UNKNOWN: Scores = {
  lifecycle_stage: null,
  activation_score: null,
  engagement_score: null,
  risk_level: null,
}

/** What is known of a user by the scoring in use, as of `time` in ms; all null where there is none. */
export function scoresOf(
  scoring: Scoring | null,
  user: Record<string, unknown>,
  time: number,
  newBudget?: () => Budget,
): Scores {
  return scoring?.score({ user, now: new Date(time).toISOString() }, newBudget) ?? UNKNOWN
}
