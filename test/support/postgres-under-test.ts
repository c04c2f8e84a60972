import { setTimeout as sleep } from 'node:timers/promises'
import { acceptOutcome, acceptRequest } from '../../src/ledger/actions/accept-facts.ts'
import { insertActions } from '../../src/ledger/actions/insert-actions.ts'
import { ACTION_COLUMNS, type RawAction, toActionRow } from '../../src/ledger/actions/rows.ts'
import { DEADLINE_LANE } from '../../src/ledger/actions/timers.ts'
import type { Step } from '../../src/ledger/actions/transitions.ts'
import { engineLedger } from '../../src/ledger/engine-ledger.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { openLoadPool } from '../../src/ledger/load-pool.ts'
import { owners } from '../../src/ledger/ownership/workers.ts'
import type { ContractAction, LedgerUnderTest } from './ledger-under-test.ts'
import { testDatabase } from './servers.ts'

const TENANT = '00000000-0000-0000-0000-000000000001'

/** What the engine's ledger is in production, over a fresh database. */
export async function postgresUnderTest(): Promise<LedgerUnderTest> {
  const database = await testDatabase()
  const opened = await Ledger.open({ databaseUrl: database.url, poolMax: 6 })
  const loads = openLoadPool({ databaseUrl: database.url, queryTimeoutMs: 10_000 })
  const { pool } = opened
  const row = async (id: string) => {
    const { rows } = await pool.query<RawAction>(`select ${ACTION_COLUMNS} from action a where id = $1`, [id])
    return toActionRow(rows[0]!)
  }
  const now = async () => {
    const { rows } = await pool.query<{ at: number }>(
      `select date_part('epoch', clock_timestamp()) * 1000 as at`,
    )
    return rows[0]!.at
  }
  return {
    ledger: engineLedger({ databaseUrl: database.url, pool, loads }),
    now,
    wait: (ms) => sleep(ms),
    insert: async (actions) => {
      const at = Math.floor(await now())
      await insertActions(
        pool,
        actions.map((action) => newAction(action, at)),
      )
    },
    report: async (id, status) =>
      (await acceptOutcome(pool, TENANT, id, { status, result: null })).kind === 'recorded',
    ask: async (id, kind) => {
      const { p, state } = await row(id)
      await acceptRequest(pool, { id, p, version: state.version }, kind)
    },
    beginEvent: async (id, p) => {
      const client = await pool.connect()
      await client.query('begin')
      await client.query(
        `insert into event (id, p, tenant, user_id, type, data, time, source) values ($1, $2, $3, 'u1', 'custom.told', '{}', now(), 'api')`,
        [id, p, TENANT],
      )
      return {
        commit: async () => {
          await client.query('commit')
          client.release()
        },
      }
    },
    state: async (id) => {
      const { state, claimed } = await row(id)
      return { ...state, claimed }
    },
    history: async (id) => {
      const { rows } = await pool.query<Step>(
        `select version, kind, from_status as from, to_status as to, attempt, detail from history where action_id = $1 order by version`,
        [id],
      )
      return rows
    },
    timers: async (id) => {
      const { rows } = await pool.query<{ at: number }>(
        `select round(date_part('epoch', at) * 1000) as at from timer where id = $1 and lane <> ${DEADLINE_LANE} order by at`,
        [id],
      )
      return rows.map(({ at }) => at)
    },
    owners: () => owners(pool),
    close: async () => {
      await loads.end()
      await opened.close()
      await database.drop()
    },
  }
}

export const newAction = ({ id, p, lane, dueInMs, expiresInMs }: ContractAction, now: number) => ({
  id,
  tenant: TENANT,
  type: 'at_contract',
  userId: 'u1',
  parameters: '{}',
  reasoning: null,
  confidence: null,
  origin: 'api',
  test: false,
  shadow: false,
  lane,
  p,
  scheduledAt: now + dueInMs,
  expiresAt: now + expiresInMs,
  expiresAfterMs: 60_000,
})
