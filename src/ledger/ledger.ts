import { type EntityManager, MikroORM } from '@mikro-orm/postgresql'
import type { Pool } from 'pg'

import { ormOptions } from '../../mikro-orm.config.ts'
import { VolleyError } from '../errors.ts'
import { ensurePartitions } from './ownership/partitions.ts'
import { ensureMonths } from './retention/months.ts'

export type { Pool }

const UNDEFINED_TABLE = '42P01'
const NOT_MIGRATED =
  'The database has no Volley schema yet: run "volley migrate" once, with the same DATABASE_URL'

export interface LedgerOptions {
  databaseUrl: string
  /** Most connections of this process. */
  poolMax: number
  /** A statement without an answer by then fails, and its connection is given up; absent: it is waited for. */
  queryTimeoutMs?: number
}

/** One process's way to Postgres: MikroORM for what is seldom written, its own pool for the hot path. */
export class Ledger {
  readonly orm: MikroORM
  /** The driver's pool; hot-path SQL and MikroORM share its connections. */
  readonly pool: Pool

  private constructor(orm: MikroORM, pool: Pool) {
    this.orm = orm
    this.pool = pool
  }

  /** Connects; throws what the driver throws where the server cannot be reached. */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const orm = await MikroORM.init(ormOptions(options))
    return new Ledger(
      orm,
      await (orm.em.getConnection() as unknown as { getNativeClient(): Promise<Pool> }).getNativeClient(),
    )
  }

  /** A fresh unit of work: entities loaded through it are its own. */
  em(): EntityManager {
    return this.orm.em.fork() as EntityManager
  }

  /** Brings the schema up to date and creates what an empty ledger needs; safe to run from several processes at once. */
  async migrate(partitions: number): Promise<void> {
    const client = await this.pool.connect()
    try {
      // Two processes that start together must not both create the first table.
      await client.query(`select pg_advisory_lock(hashtext('volley migrate'))`)
      await this.orm.migrator.up()
      await ensurePartitions(client, partitions)
      await ensureMonths(client, new Date())
    } finally {
      await client.query(`select pg_advisory_unlock(hashtext('volley migrate'))`).catch(() => undefined)
      client.release()
    }
  }

  /** Refuses to go on where the ledger is not set up, or was set up with another number of partitions. */
  async checkPartitions(partitions: number): Promise<void> {
    const client = await this.pool.connect()
    try {
      await ensurePartitions(client, partitions)
    } catch (error) {
      const isEmpty = (error as { code?: unknown }).code === UNDEFINED_TABLE
      throw isEmpty ? new VolleyError('config_invalid', NOT_MIGRATED, { cause: error }) : error
    } finally {
      client.release()
    }
  }

  /** Creates the coming months' partitions that are not there yet. */
  async ensureMonths(): Promise<void> {
    const client = await this.pool.connect()
    try {
      await ensureMonths(client, new Date())
    } finally {
      client.release()
    }
  }

  async close(): Promise<void> {
    await this.orm.close(true)
    // MikroORM ends the pool only where it has used a connection itself.
    if (!this.pool.ended) await this.pool.end()
  }
}
