import Type from 'typebox'
import { pickOf } from '../../decisions/kept.ts'
import { VolleyError } from '../../errors.ts'
import type { Report } from '../../ledger/actions/accept-facts.ts'
import { acceptCarriedOutcome } from '../../ledger/actions/carried.ts'
import type { ReadDecision } from '../../ledger/decisions/decisions.ts'
import type { WebDeps } from '../deps.ts'
import { tellAction } from '../external/actions-facts.ts'
import { OutcomeBody, refuseAnother, reportIn } from '../external/outcome-body.ts'
import { route } from '../route.ts'
import { knownDecision } from './read.ts'
import { toldOf } from './told.ts'

/** For whoever carries out a recommendation without an action of Volley's. */
export const postDecisionOutcome = route({
  method: 'POST',
  path: '/api/decisions/:id/outcome',
  summary: 'Report what came of a decision; the first report counts',
  description:
    'It teaches as the outcome of an action does. Where the decision has an action, this is the outcome of that action.',
  auth: 'key',
  params: Type.Object({ id: Type.String() }),
  body: OutcomeBody,
  answers: {
    200: Type.Object({
      recorded: Type.Literal(true),
      decision_id: Type.String(),
      action_id: Type.Union([Type.String(), Type.Null()]),
      outcome_status: Type.String(),
    }),
  },
  errors: ['not_found', 'outcome_exists', 'invalid_transition', 'live_key_needed'],
  example: { status: 'completed', result: { user_reacted: true } },
  async handler({ params, body, caller, deps }) {
    const report = reportIn(body)
    const decision = await knownDecision(params.id, caller, deps)
    if (caller.mode === 'test' && !decision.test) throw new VolleyError('live_key_needed')
    const actionId = decision.actionId ?? (await tell(decision, report, deps))
    if (actionId !== null) await tellAction(actionId, report, caller, deps)
    return {
      status: 200,
      body: {
        recorded: true as const,
        decision_id: params.id,
        action_id: actionId,
        outcome_status: report.status,
      },
    }
  },
})

/** Commits what came of a decision without an action; gives the id of the action that it has by now, else null. */
async function tell(decision: ReadDecision, report: Report, deps: WebDeps): Promise<string | null> {
  const { rule, holdout, body, id } = decision
  if (rule === null || holdout)
    throw new VolleyError(
      'invalid_transition',
      `The decision ${holdout ? 'was held out' : 'offered nothing'}.`,
    )
  const picked = body?.candidates.find((candidate) => candidate.rule === pickOf(body))
  const told = toldOf(
    decision,
    { id, rule, action: picked?.action ?? '', outcome: report },
    { partitions: deps.config.partitions, now: Date.now() },
  )
  const accepted = await acceptCarriedOutcome(deps.ledger.pool, { decisionId: id, report, told })
  if (accepted.kind === 'recorded') {
    deps.nudger.nudge([{ kind: 'event', p: told.p }])
    return null
  }
  const { actionId, outcome, isErased } = accepted.before
  if (outcome !== null) refuseAnother(report, { outcome, isErased }, 'decision')
  return actionId
}
