import type { Clock } from '../clock.ts'
import type { Lanes } from '../dispatch/lanes.ts'
import type { RuleShelf } from '../documents/rule-book.ts'
import type { Log } from '../log.ts'
import type { Nudger } from '../mailbox/nudge.ts'
import type { Addressees } from './addressees.ts'
import type { Agenda } from './agenda.ts'
import type { Breakers } from './breakers.ts'
import type { Feeder } from './feeder.ts'
import type { Health } from './health.ts'
import type { Held, HeldAction } from './held.ts'
import type { LostResults } from './lost-results.ts'
import type { OneByOne } from './one-by-one.ts'
import type { Ownership } from './ownership.ts'
import type { EngineLedger, LessonsInUse, Sender, TenantsInUse, TypesInUse } from './ports.ts'

/** What a worker is given. */
export interface Parts {
  ledger: EngineLedger
  clock: Clock
  registry: TypesInUse
  tenants: TenantsInUse
  /** The rules as they are now; every turn goes by one version. */
  latestRules(): RuleShelf
  /** What outcomes have taught. */
  lessons: LessonsInUse
  client: Sender
  nudger: Nudger
  log: Log
  partitions: number
  headerPrefix: string
}

/** What the steps of one worker's turn share. One worker, one engine; nothing here outlives the process. */
export interface Engine extends Parts {
  /** What the present turn goes by: types are loaded for the same rules that decide. */
  rules: RuleShelf
  ownership: Ownership
  agenda: Agenda
  held: Held
  lanes: Lanes<HeldAction>
  feeder: Feeder
  lost: LostResults
  addressees: Addressees
  breakers: Breakers
  health: Health
  oneByOne: OneByOne
  /** Actions on the wire for which a cancel or a retry waits; their facts are not loaded again before the result. */
  waitingOnWire: Set<string>
  /**
   * Actions that must not be sent twice, claimed by this worker and certainly not sent yet, with their partitions: where
   * one of those is lost, the next owner may claim and send them, and this worker knows nothing of it.
   */
  unsent: Map<string, number>
  /** When the next POST of a type with a rate may begin, by the monotonic clock. */
  paces: Map<string, number>
  /** The ledger's clock minus this machine's, in ms, as the last fence showed it. */
  clockOffsetMs: number
  /** False while the worker is stopping: nothing more is sent. */
  isSending: boolean
  /** Sends what may be sent now. */
  pump(): void
}
