import { isReported, type Report, ruleOf } from '../../actors/report.ts'
import type { Transition } from '../ledger/actions/transitions.ts'
import type { PassedRow } from '../ledger/people/people.ts'
import { reportRow } from '../ledger/people/report-row.ts'
import type { TurnMoment } from './decide-actions.ts'
import type { Subject } from './load.ts'

/** What the actor of its user is told of an action that a rule made and that ends by this; null where there is nothing to tell. */
export function reportOf(
  { row, type }: Pick<Subject, 'row' | 'type'>,
  { before, next }: Pick<Transition, 'before' | 'next'>,
  { now, partitions, newId }: Pick<TurnMoment, 'now' | 'partitions' | 'newId'>,
): PassedRow | null {
  const rule = type?.form === 'action' ? ruleOf(row.origin) : null
  if (rule === null || !isReported(before, next)) return null
  const { id, tenant, userId, test, isMute } = row
  const { status, outcome } = next
  const report: Report = {
    id,
    rule,
    segment: null,
    status,
    outcome: outcome === null ? null : { status: outcome.status, result: outcome.result },
    late: before.status === 'expired',
    teaches: !isMute,
  }
  return reportRow(newId('ev'), report, { tenant, userId, test, partitions, now })
}
