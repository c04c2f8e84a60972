import { Migrator } from '@mikro-orm/migrations'
import { defineConfig } from '@mikro-orm/postgresql'
import { readConfig } from './src/config.ts'
import { ActionType } from './src/ledger/entities/action-types.ts'
import { ApiKey, Tenant } from './src/ledger/entities/tenants.ts'
import type { LedgerOptions } from './src/ledger/ledger.ts'
import { Migration20261121000000_ledger } from './src/ledger/migrations/Migration20261121000000_ledger.ts'
import { Migration20261121100000_timers } from './src/ledger/migrations/Migration20261121100000_timers.ts'
import { Migration20261121110000_limits } from './src/ledger/migrations/Migration20261121110000_limits.ts'
import { Migration20261121120000_breakers } from './src/ledger/migrations/Migration20261121120000_breakers.ts'
import { Migration20261121130000_sending } from './src/ledger/migrations/Migration20261121130000_sending.ts'
import { Migration20261121140000_letters } from './src/ledger/migrations/Migration20261121140000_letters.ts'
import { Migration20261121150000_operators } from './src/ledger/migrations/Migration20261121150000_operators.ts'
import { Migration20261121160000_suspects } from './src/ledger/migrations/Migration20261121160000_suspects.ts'
import { Migration20261121170000_event_kinds } from './src/ledger/migrations/Migration20261121170000_event_kinds.ts'
import { Migration20261121180000_people } from './src/ledger/migrations/Migration20261121180000_people.ts'
import { Migration20261121190000_of_users } from './src/ledger/migrations/Migration20261121190000_of_users.ts'
import { Migration20261121200000_channels } from './src/ledger/migrations/Migration20261121200000_channels.ts'
import { Migration20261121210000_imports } from './src/ledger/migrations/Migration20261121210000_imports.ts'
import { Migration20261121210000_refusals_changed } from './src/ledger/migrations/Migration20261121210000_refusals_changed.ts'
import { Migration20261121215000_event_keys } from './src/ledger/migrations/Migration20261121215000_event_keys.ts'
import { Migration20261121220000_endpoints } from './src/ledger/migrations/Migration20261121220000_endpoints.ts'
import { Migration20261121230000_user_filters } from './src/ledger/migrations/Migration20261121230000_user_filters.ts'
import { Migration20261122100000_rules_in_use } from './src/ledger/migrations/Migration20261122100000_rules_in_use.ts'
import { Migration20261122110000_rule_documents } from './src/ledger/migrations/Migration20261122110000_rule_documents.ts'
import { Migration20261122120000_held_by_operator } from './src/ledger/migrations/Migration20261122120000_held_by_operator.ts'
import { Migration20261122130000_endpoint_filters } from './src/ledger/migrations/Migration20261122130000_endpoint_filters.ts'
import { Migration20261122140000_loop } from './src/ledger/migrations/Migration20261122140000_loop.ts'
import { Migration20261122150000_due } from './src/ledger/migrations/Migration20261122150000_due.ts'
import { Migration20261122160000_decisions } from './src/ledger/migrations/Migration20261122160000_decisions.ts'
import { Migration20261122161000_partners } from './src/ledger/migrations/Migration20261122161000_partners.ts'
import { Migration20261122162000_lift } from './src/ledger/migrations/Migration20261122162000_lift.ts'
import { Migration20261122200000_rollouts } from './src/ledger/migrations/Migration20261122200000_rollouts.ts'
import { Migration20261122300000_replays } from './src/ledger/migrations/Migration20261122300000_replays.ts'
import { Migration20261122301000_pull } from './src/ledger/migrations/Migration20261122301000_pull.ts'
import { Migration20261122302000_payload_mappings } from './src/ledger/migrations/Migration20261122302000_payload_mappings.ts'

/** MikroORM's options for one database; the migrations are listed, so that no folder is searched at start. */
export function ormOptions(options: LedgerOptions) {
  return defineConfig({
    clientUrl: options.databaseUrl,
    entities: [Tenant, ApiKey, ActionType],
    extensions: [Migrator],
    migrations: {
      path: 'src/ledger/migrations',
      tableName: 'migration',
      migrationsList: [
        Migration20261121000000_ledger,
        Migration20261121100000_timers,
        Migration20261121110000_limits,
        Migration20261121120000_breakers,
        Migration20261121130000_sending,
        Migration20261121140000_letters,
        Migration20261121150000_operators,
        Migration20261121160000_suspects,
        Migration20261121170000_event_kinds,
        Migration20261121180000_people,
        Migration20261121190000_of_users,
        Migration20261121200000_channels,
        Migration20261121210000_refusals_changed,
        Migration20261121210000_imports,
        Migration20261121215000_event_keys,
        Migration20261121220000_endpoints,
        Migration20261121230000_user_filters,
        Migration20261122100000_rules_in_use,
        Migration20261122110000_rule_documents,
        Migration20261122120000_held_by_operator,
        Migration20261122130000_endpoint_filters,
        Migration20261122140000_loop,
        Migration20261122150000_due,
        Migration20261122160000_decisions,
        Migration20261122161000_partners,
        Migration20261122162000_lift,
        Migration20261122200000_rollouts,
        Migration20261122300000_replays,
        Migration20261122301000_pull,
        Migration20261122302000_payload_mappings,
      ],
      snapshot: false,
      silent: true,
    },
    pool: { min: 0, max: options.poolMax },
    // A server that cannot be reached, or a pool that is used up, must not keep a request waiting.
    driverOptions: {
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
      // A process that is stopped in the middle of a turn holds its worker's row, and could not be buried.
      idle_in_transaction_session_timeout: 5_000,
    },
    discovery: { warnWhenNoEntities: false },
    ensureDatabase: false,
    logger: () => undefined,
  })
}

/** What `npx mikro-orm` reads. */
export default () =>
  ormOptions({ databaseUrl: readConfig().databaseUrl ?? 'postgres://127.0.0.1:5432/volley', poolMax: 2 })
