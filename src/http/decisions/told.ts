import type { Report as ActorReport } from '../../../actors/report.ts'
import { newId } from '../../ids.ts'
import type { ReadDecision } from '../../ledger/decisions/decisions.ts'
import type { PassedRow } from '../../ledger/people/people.ts'
import { reportRow } from '../../ledger/people/report-row.ts'

/** What a client did of what it was recommended. */
export interface Done {
  /** Of the action, or of the decision where there is none. */
  id: string
  rule: string
  /** Name of the action. */
  action: string
  /** Null: it is awaited. */
  outcome: ActorReport['outcome']
}

/** What the actor of a decision's user is told of what a client did; `now` in ms. */
export function toldOf(
  { tenant, userId, domain, test, body }: ReadDecision,
  { id, rule, action, outcome }: Done,
  { partitions, now }: { partitions: number; now: number },
): PassedRow {
  const report: ActorReport = {
    id,
    rule: `${domain}/${rule}`,
    segment: body?.segment ?? '',
    status: outcome === null ? 'pending' : outcome.status === 'rejected' ? 'failed' : 'completed',
    // Of whoever was erased nothing is kept, and nobody is made again.
    outcome: outcome === null || body !== null ? outcome : { ...outcome, result: null },
    late: false,
    teaches: !test,
    ...(body === null ? {} : { carried: action }),
  }
  return reportRow(newId('ev'), report, { tenant, userId, test, partitions, now })
}
