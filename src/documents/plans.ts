import { invalid, readDocument } from './document-file.ts'

/** Limits of a plan tier; null where it has none. */
export interface Plan {
  name: string
  events_per_month: number | null
  actions_per_month: number | null
  backlog_max: number | null
  action_types_max: number | null
  webhook_endpoints_max: number | null
  approval_above_usd: number | null
}

/** Loads `plans.json`. Throws `document_invalid` with the place and what was expected. */
export function loadPlans(rulesDir: string, path: string): { file: string; plans: Plan[] } {
  const { file, value } = readDocument(rulesDir, path, 'plans')
  const { plans } = value as { plans: (Partial<Plan> & { name: string })[] }
  for (const [index, { name }] of plans.entries()) {
    const first = plans.findIndex((plan) => plan.name === name)
    if (first < index)
      throw invalid(file, [{ path: `/plans/${index}/name`, message: `is the name of /plans/${first} too` }])
  }
  const none = {
    events_per_month: null,
    actions_per_month: null,
    backlog_max: null,
    action_types_max: null,
    webhook_endpoints_max: null,
    approval_above_usd: null,
  }
  return { file, plans: plans.map((plan) => ({ ...none, ...plan })) }
}
