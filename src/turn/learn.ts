import { domainOf } from '../../actors/report.ts'
import { rewardOf } from '../decisions/reward.ts'
import { compilePolicy } from '../documents/policy.ts'
import type { RuleShelf } from '../documents/rule-book.ts'
import type { NewLesson } from '../ledger/decisions/lessons.ts'
import type { StoredEvent } from '../ledger/events/events-unread.ts'
import type { ToldReport } from './hear-events.ts'

/** By what a domain learns whose document is gone. */
const BY_DEFAULT = compilePolicy({}).learning

/** What is learnt of a report, one lesson or none. */
export function lessonOf(
  { tenant, p, userId }: Pick<StoredEvent, 'tenant' | 'p' | 'userId'>,
  { report, offer }: ToldReport,
  { rules, now }: { rules: RuleShelf; now: number },
): NewLesson[] {
  const { rule, outcome, status, late } = report
  if (!report.teaches) return []
  const domain = domainOf(rule)
  const document = rules.forUser(tenant, userId).documents.find((each) => each.domain === domain)
  const reward = outcome === null ? null : rewardOf(outcome)
  const lesson = {
    successes: reward ?? 0,
    failures: reward === null ? 0 : 1 - reward,
    rejected: outcome?.status === 'rejected' ? 1 : 0,
    unanswered: outcome === null ? (status === 'expired' ? 1 : 0) : late ? -1 : 0,
  }
  if (Object.values(lesson).every((number) => number === 0)) return []
  return [
    {
      tenant,
      domain,
      rule: rule.slice(domain.length + 1),
      segment: offer?.segment ?? report.segment ?? '',
      p,
      ...lesson,
      at: now,
      halfLifeMs: (document?.policy.learning ?? BY_DEFAULT).halfLifeMs,
    },
  ]
}
