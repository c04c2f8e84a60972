import { type Config, readConfig } from '../config.ts'
import { VolleyError } from '../errors.ts'

/** The configuration, completed with what runs in VOLLEY_HOME where the environment does not say. */
export async function completeConfig(): Promise<Config> {
  const config = readConfig()
  if (config.databaseUrl !== null && config.redisUrl !== null) return config
  const { runningInstance } = await import('../local/home.ts')
  const instance = runningInstance(config.home)
  if (instance === null && config.databaseUrl === null) {
    throw new VolleyError(
      'not_running',
      `No platform runs in ${config.home} ("npm start" starts one), and DATABASE_URL is not set`,
    )
  }
  return {
    ...config,
    databaseUrl: config.databaseUrl ?? instance?.databaseUrl ?? null,
    redisUrl: config.redisUrl ?? instance?.redisUrl ?? null,
  }
}

/** Opens the ledger for one command, and closes it whatever happens. */
export async function withLedger(
  use: (ledger: import('../ledger/ledger.ts').Ledger, config: Config) => Promise<void>,
): Promise<void> {
  const config = await completeConfig()
  const [{ Ledger }, { requireDatabase }] = await Promise.all([
    import('../ledger/ledger.ts'),
    import('../ledger/database.ts'),
  ])
  // Asked first, since this answers with one line where the pool would throw from within.
  await requireDatabase(config.databaseUrl!)
  const ledger = await Ledger.open({ databaseUrl: config.databaseUrl!, poolMax: 2 })
  try {
    await use(ledger, config)
  } finally {
    await ledger.close()
  }
}
