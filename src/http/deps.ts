import type { Config } from '../config.ts'
import type { Client } from '../dispatch/client.ts'
import type { AddressGuard } from '../dispatch/guard.ts'
import type { LiveRules } from '../documents/live-rules.ts'
import type { Plan } from '../documents/plans.ts'
import type { LessonsInUse } from '../ledger/decisions/lessons-in-use.ts'
import type { Intake } from '../ledger/intake/intake.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { PeopleAsked } from '../ledger/people/people-asked.ts'
import type { SecretBox } from '../ledger/secrets.ts'
import type { Caller, Operator } from '../ledger/tenants/keys.ts'
import type { TenantRegistry } from '../ledger/tenants/tenant-registry.ts'
import type { TypeRegistry } from '../ledger/tenants/type-registry.ts'
import type { Log } from '../log.ts'
import type { Nudger } from '../mailbox/nudge.ts'
import type { BacklogGate } from './backlog-gate.ts'
import type { KnownSecrets } from './connectors/known-secrets.ts'
import type { OfferedTypes } from './decisions/offered-types.ts'
import type { EventTail } from './events/tail.ts'
import type { PullWaits } from './webhooks/pull-waits.ts'

export type { Caller, Operator }

/** What the web process gives its handlers; built once, in app.ts. */
export interface WebDeps {
  ledger: Ledger
  intake: Intake
  registry: TypeRegistry
  offeredTypes: OfferedTypes
  people: PeopleAsked
  tenants: TenantRegistry
  lessons: LessonsInUse
  backlog: BacklogGate
  tail: EventTail
  pullWaits: PullWaits
  nudger: Nudger
  log: Log
  config: Config
  secrets: SecretBox
  segmentSecrets: KnownSecrets
  guard: Pick<AddressGuard, 'refusalOfUrl'>
  rules: LiveRules
  /** Tiers of tenants, the least first; empty where there are none. */
  plans: readonly Plan[]
  /** For what is sent at once and beside the lanes. */
  outside: Pick<Client, 'target' | 'send'>
}
