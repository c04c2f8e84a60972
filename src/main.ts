#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from 'commander'
import { type Config, readConfig, redacted } from './config.ts'
import { VolleyError } from './errors.ts'
import { createLog } from './log.ts'

const program = new Command('volley')
  .description(
    'Decide what a user should get, send that action to the system that can give it, take back what came of it.',
  )
  .showHelpAfterError()

program
  .command('start')
  .description('Run the whole platform on this machine: PostgreSQL, Redis, one web and two worker processes')
  .option('--workers <n>', 'number of worker processes', wholeNumber, 2)
  .action(async (options: { workers: number }) => {
    const { runStart } = await import('./local/start.ts')
    await runStart(readConfig(), options.workers)
  })

program
  .command('demo')
  .description(
    'Replay a file of events through the whole loop, with a sample loyalty app, and show what happened',
  )
  .option('--stay', 'keep everything running afterwards')
  .action(async (options: { stay?: boolean }) => {
    const { runDemo } = await import('./demo/demo.ts')
    process.exitCode = await runDemo(readConfig(), { stay: options.stay === true })
  })

program
  .command('web')
  .description('Serve the API')
  .action(() => runProcess('web'))

program
  .command('worker')
  .description('Own partitions, decide and send')
  .action(() => runProcess('worker'))

program
  .command('migrate')
  .description('Bring the schema of the database up to date')
  .action(() => withLedger(async (ledger, config) => ledger.migrate(config.partitions)))

const keys = program.command('keys').description('API keys of a tenant')

keys
  .command('create')
  .description('Create a key, and the tenant where it is not there; prints the key alone')
  .requiredOption('--tenant <slug>', 'lower-case name of the tenant')
  .addOption(
    new Option('--mode <mode>', 'live sends, test never does').choices(['live', 'test']).default('live'),
  )
  .option('--label <text>', 'what the key is for')
  .action(async (options: { tenant: string; mode: 'live' | 'test'; label?: string }) => {
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(options.tenant)) {
      throw new VolleyError(
        'config_invalid',
        `--tenant ${options.tenant}: expected lower-case letters, digits and hyphens`,
      )
    }
    const { createKey } = await import('./ledger/keys.ts')
    await withLedger(async (ledger) => print((await createKey(ledger, options)).key))
  })

keys
  .command('list')
  .description('Show the keys of a tenant, never the keys themselves')
  .requiredOption('--tenant <slug>')
  .action(async (options: { tenant: string }) => {
    const { listKeys } = await import('./ledger/keys.ts')
    await withLedger(async (ledger) => {
      for (const key of await listKeys(ledger, options.tenant))
        print(
          Object.values(key)
            .map((value) => value ?? '-')
            .join('\t'),
        )
    })
  })

keys
  .command('revoke <id>')
  .description('End a key; it stops working within seconds')
  .action(async (id: string) => {
    const { revokeKey } = await import('./ledger/keys.ts')
    await withLedger(async (ledger) => {
      if (!(await revokeKey(ledger, id)))
        throw new VolleyError('not_found', `No active key has the id ${id}.`)
    })
  })

const rules = program.command('rules').description('The documents in rules/')

rules
  .command('check')
  .description('Check every document; exits with 1 at the first mistake')
  .action(async () => {
    const { loadRules } = await import('./documents/rule-book.ts')
    for (const { file, rules } of loadRules(readConfig().rulesDir).documents)
      print(`${file}: ${rules.length} rules, no mistakes`)
  })

program
  .command('config')
  .description('Show the configuration of this environment, without secrets')
  .action(() => print(JSON.stringify(redacted(readConfig()), null, 2)))

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 64)
    throw new InvalidArgumentError('Expected a whole number from 1 to 64.')
  return value
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** The configuration, completed with what runs in VOLLEY_HOME where the environment does not say. */
async function completeConfig(): Promise<Config> {
  const config = readConfig()
  if (config.databaseUrl !== null && config.redisUrl !== null) return config
  const { runningInstance } = await import('./local/home.ts')
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

async function withLedger(
  use: (ledger: import('./ledger/ledger.ts').Ledger, config: Config) => Promise<void>,
): Promise<void> {
  const config = await completeConfig()
  const [{ Ledger }, { requireDatabase }] = await Promise.all([
    import('./ledger/ledger.ts'),
    import('./ledger/database.ts'),
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

/** Runs one process until SIGTERM, SIGINT or the end of its leash; a second signal ends it at once. */
async function runProcess(kind: 'web' | 'worker'): Promise<void> {
  const config = await completeConfig()
  const log = createLog({ level: config.logLevel, name: kind })
  const { startWeb, startWorker } = await import('./app.ts')
  const running = kind === 'web' ? await startWeb(config, log) : await startWorker(config, log)
  log.info({ config: redacted(config) }, 'started')
  let isStopping = false
  const stop = (why: string) => {
    if (isStopping) process.exit(1)
    isStopping = true
    log.info({ why }, 'stopping')
    running.close().then(
      () => process.exit(0),
      (error) => {
        log.error({ error: String(error) }, 'stopped with an error')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  if (config.isLeashed) {
    process.stdin.resume()
    process.stdin.once('close', () => (isStopping ? undefined : stop('the platform is gone')))
  }
}

program.parseAsync().catch((error: unknown) => {
  // What was expected to go wrong has a text of its own; anything else is a defect and shows where.
  const text =
    error instanceof VolleyError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error)
  process.stderr.write(`volley: ${text}\n`)
  process.exit(1)
})
