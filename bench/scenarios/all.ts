import type { Scenario } from './scenario.ts'
import { sleeping } from './sleeping.ts'
import { tenants } from './tenants.ts'
import { throughput } from './throughput.ts'

/** In the order in which a full run goes through them. */
export const scenarios: readonly Scenario[] = [throughput, tenants, sleeping]
