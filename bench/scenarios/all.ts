import { doubles } from './doubles.ts'
import { fanOut } from './fan-out.ts'
import { ingest } from './ingest.ts'
import { latency } from './latency.ts'
import { flooding, hanging } from './neighbours.ts'
import { recommend } from './recommend.ts'
import type { Scenario } from './scenario.ts'
import { silence } from './silence.ts'
import { sleeping } from './sleeping.ts'
import { takeover } from './takeover.ts'
import { tenants } from './tenants.ts'
import { throughput } from './throughput.ts'
import { workers } from './workers.ts'

/** In the order in which a full run goes through them. */
export const scenarios: readonly Scenario[] = [
  throughput,
  latency,
  ingest,
  recommend,
  tenants,
  sleeping,
  silence,
  hanging,
  flooding,
  workers,
  takeover,
  doubles,
  fanOut,
]
