import pg from 'pg'

/** Loads run one for newcomers, one for backlogs, and one for the walk at a time. */
const CONNECTIONS = 3

// A kept plan is often made while the tables are empty, when reading all of one is the cheapest way.
const OPTIONS = [
  '-c plan_cache_mode=force_generic_plan',
  ...['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin'].map((way) => `-c enable_${way}=off`),
].join(' ')

/**
 * The connections by which a worker finds and loads due work. Their few statements all go from row to row by an index,
 * whatever their parameters are, and are planned once for a connection: planning one over the months of a table takes
 * longer than running it. Writing never waits behind them.
 */
export function openLoadPool(options: { databaseUrl: string; queryTimeoutMs: number }): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    max: CONNECTIONS,
    application_name: 'volley loads',
    connectionTimeoutMillis: 5_000,
    query_timeout: options.queryTimeoutMs,
    keepAlive: true,
    options: OPTIONS,
  })
  // A connection that breaks while nobody uses it is replaced at the next use.
  pool.on('error', () => undefined)
  return pool
}
