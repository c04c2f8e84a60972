#!/usr/bin/env node
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { type KeyOwner, ownerOf } from './command/key-owner.ts'
import type { TryOptions } from './command/trial.ts'
import { type Config, readConfig, redacted } from './config.ts'
import type { Source } from './connectors/canonical.ts'
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
  .option('--workers <n>', 'number of worker processes', (text) => wholeNumber(text, 64), 2)
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

const keys = program.command('keys').description('API keys of a tenant, or of operators')

keys
  .command('create')
  .description('Create a key, and the tenant where it is not there; prints the key alone')
  .option('--tenant <slug>', 'lower-case name of the tenant')
  .option('--operator', 'a key that works across tenants')
  .addOption(
    new Option('--mode <mode>', 'live sends, test never does').choices(['live', 'test']).default('live'),
  )
  .option('--label <text>', 'what the key is for')
  .action(async (options: KeyOwner & { mode: 'live' | 'test'; label?: string }) => {
    const tenant = ownerOf(options)
    const { createKey, createOperatorKey } = await import('./ledger/keys.ts')
    await withLedger(async (ledger) => {
      const made =
        tenant === null ? createOperatorKey(ledger, options) : createKey(ledger, { ...options, tenant })
      print((await made).key)
    })
  })

keys
  .command('list')
  .description('Show keys, never the keys themselves')
  .option('--tenant <slug>', 'those of a tenant')
  .option('--operator', 'those of operators')
  .action(async (options: KeyOwner) => {
    const tenant = ownerOf(options)
    const { listKeys } = await import('./ledger/keys.ts')
    await withLedger(async (ledger) => {
      for (const key of await listKeys(ledger, tenant))
        print(
          Object.values(key)
            .map((value) => (value instanceof Date ? value.toISOString() : (value ?? '-')))
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

program
  .command('status')
  .description('Show what is wrong, who works, and what waits')
  .option('--watch', 'again each second, until Ctrl-C')
  .option('--json', 'for programs')
  .action(async (options: { watch?: boolean; json?: boolean }) => {
    const [{ readStatus }, { showStatus }, { viewStatus }] = await Promise.all([
      import('./ledger/status.ts'),
      import('./command/show-status.ts'),
      import('./http/operators/status.ts'),
    ])
    await withLedger(async (ledger) => {
      const lines = async () => {
        const status = await readStatus(ledger.pool)
        return options.json === true ? JSON.stringify(viewStatus(status)) : showStatus(status).join('\n')
      }
      if (options.watch !== true) return print(await lines())
      const { watch } = await import('./command/watch.ts')
      const over = new AbortController()
      process.once('SIGINT', () => over.abort())
      await watch(lines, {
        write: (text) => process.stdout.write(text),
        clears: options.json !== true && process.stdout.isTTY,
        signal: over.signal,
      })
    })
  })

const letters = program.command('dead-letters').description('What could not be worked on, and was put aside')

letters
  .command('list')
  .description('Show open dead letters, newest first')
  .addOption(new Option('--reason <reason>').choices(['internal', 'poison', 'crash']))
  .option('--tenant <slug>', 'those about a tenant')
  .option('--all', 'resolved ones too')
  .option('--limit <n>', 'at most so many', (text) => wholeNumber(text, 10_000), 50)
  .option('--json', 'a JSON object a line, with what each is about')
  .action(
    async (options: { reason?: string; tenant?: string; all?: boolean; limit: number; json?: boolean }) => {
      const [{ listLetters }, { showLetters }] = await Promise.all([
        import('./ledger/resolve-letters.ts'),
        import('./command/show-letters.ts'),
      ])
      await withLedger(async (ledger) => {
        const { reason = null, tenant = null, all = false, limit } = options
        const found = await listLetters(ledger.pool, { reason, tenant, all, limit, before: null })
        const lines =
          options.json === true ? found.map((letter) => JSON.stringify(letter)) : showLetters(found)
        for (const line of lines) print(line)
      })
    },
  )

for (const way of ['retry', 'drop'] as const) {
  letters
    .command(`${way} [id]`)
    .description(way === 'retry' ? 'Look at it again: a forced retry' : 'Put it aside for good')
    .option('--all', 'every open one')
    .action(async (id: string | undefined, options: { all?: boolean }) => {
      if ((id === undefined) === (options.all !== true))
        throw new VolleyError('config_invalid', `volley dead-letters ${way}: expected one id, or --all`)
      const [{ dropLetter, openLetters, retryLetter }, { whoAmI }] = await Promise.all([
        import('./ledger/resolve-letters.ts'),
        import('./command/who.ts'),
      ])
      const by = whoAmI()
      await withLedger(async (ledger) => {
        for (const each of id === undefined ? await openLetters(ledger.pool) : [id]) {
          try {
            await (way === 'retry' ? retryLetter : dropLetter)(ledger.pool, each, by)
            print(`${each}\t${way === 'retry' ? 'retried' : 'dropped'}`)
          } catch (error) {
            // Of many, one that cannot be retried does not stop the others.
            if (id !== undefined || !(error instanceof VolleyError)) throw error
            print(`${each}\t${error.message}`)
            process.exitCode = 1
          }
        }
      })
    })
}

const tenants = program.command('tenants').description("Whether a tenant's actions are sent")

tenants
  .command('list')
  .description('Show every tenant, those that do not send first')
  .action(async () => {
    const { listSending } = await import('./ledger/sending.ts')
    await withLedger(async (ledger) => {
      for (const { slug, sending, reason, changedAt, backlogMax } of await listSending(ledger.pool))
        print(
          [
            slug,
            sending,
            changedAt === null ? '-' : new Date(changedAt).toISOString(),
            reason ?? '-',
            backlogMax ?? '-',
          ].join('\t'),
        )
    })
  })

tenants
  .command('sending <slug> <mode>')
  .description('on, paused (nothing is sent within a second, all waits) or shadow (recorded, never sent)')
  .option('--reason <text>', 'shown with the mode')
  .action(async (slug: string, mode: string, options: { reason?: string }) => {
    const { changeSending, SENDING } = await import('./ledger/sending.ts')
    const sending = SENDING.find((each) => each === mode)
    if (sending === undefined)
      throw new VolleyError('config_invalid', `${mode}: expected ${SENDING.join(', ')}`)
    await withLedger(async (ledger) => {
      const changed = await changeSending(ledger.pool, { slug }, { sending, reason: options.reason ?? null })
      if (changed === null) throw new VolleyError('not_found', `No tenant is called ${slug}.`)
      print(`${slug}\t${changed.sending}`)
    })
  })

tenants
  .command('backlog')
  .description('Limit the actions of a tenant that may wait to be sent')
  .argument('<slug>')
  .argument('<max>', "a number, or default for the installation's", (text) =>
    text === 'default' ? null : wholeNumber(text, 1_000_000_000),
  )
  .action(async (slug: string, max: number | null) => {
    const { changeBacklogMax } = await import('./ledger/sending.ts')
    await withLedger(async (ledger) => {
      const changed = await changeBacklogMax(ledger.pool, slug, max)
      if (changed === null) throw new VolleyError('not_found', `No tenant is called ${slug}.`)
      print(`${slug}\t${changed.backlogMax ?? 'default'}`)
    })
  })

program
  .command('import')
  .description('Read a file of Segment, PostHog or Mixpanel, one JSON object a line, gzip or not')
  .addArgument(new Argument('<vendor>').choices(['segment', 'posthog', 'mixpanel']))
  .argument('<file>')
  .requiredOption('--tenant <slug>', 'whose people it is about')
  .option('--decide', 'ask the rules of each event as if it came now: actions follow')
  .option('--test', 'keep it apart from what is live')
  .option('--restart', 'from the beginning, although the file was imported before')
  .action(async (source: Source, path: string, options: ImportOptions) => {
    const { decide: decides = false, test = false, restart: isRestart = false } = options
    const [{ importFile }, { importScreen, importTold, showImport }, { readSending }] = await Promise.all([
      import('./command/import.ts'),
      import('./command/show-import.ts'),
      import('./ledger/sending.ts'),
    ])
    await withLedger(async (ledger, config) => {
      const { partitions } = config
      await ledger.checkPartitions(partitions)
      const found = await readSending(ledger.pool, { slug: options.tenant })
      if (found === null) throw new VolleyError('not_found', `No tenant is called ${options.tenant}.`)
      const over = new AbortController()
      process.once('SIGINT', () => over.abort())
      const backlogMax = found.backlogMax ?? config.backlogMax
      const asked = { source, path, tenant: found.tenant, test, decides, isRestart, partitions, backlogMax }
      const watcher = showImport(importScreen())
      const end = await importFile(ledger, { ...asked, signal: over.signal }, watcher).finally(watcher.end)
      for (const line of importTold(end)) print(line)
      if (end.kind === 'stopped') process.exitCode = 130
    })
  })

const rules = program.command('rules').description('The documents in rules/')

rules
  .command('check')
  .description('Check every document and run its cases; exits with 1 where something is wrong')
  .action(async () => {
    const { checkDocuments } = await import('./command/rules-check.ts')
    const { lines, isRight } = checkDocuments(readConfig().rulesDir)
    for (const line of lines) print(line)
    if (!isRight) process.exitCode = 1
  })

rules
  .command('try')
  .description('Show what every rule says to a user, and why; records and sends nothing')
  .requiredOption('--user <id>')
  .option('--context <json>', 'what recommend would be given')
  .option('--facts <json>', 'what is known of the user')
  .option('--tenant <slug>', 'take what is known of the user from the ledger, beneath --facts')
  .option('--event <type>', 'ask as an event of this type does')
  .option('--data <json>', 'data of the event')
  .option('--domain <name>', 'one domain alone')
  .option('--available <actions>', 'only these actions, separated by commas')
  .option('--now <time>', 'as of when')
  .action(async (options: TryOptions) => {
    const { linesOfTrial } = await import('./command/trial.ts')
    for (const line of await linesOfTrial(readConfig().rulesDir, options, withLedger)) print(line)
  })

program
  .command('config')
  .description('Show the configuration of this environment, without secrets')
  .action(() => print(JSON.stringify(redacted(readConfig()), null, 2)))

interface ImportOptions {
  tenant: string
  decide?: boolean
  test?: boolean
  restart?: boolean
}

function wholeNumber(text: string, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${max}.`)
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

// Whoever reads has heard enough, as `head` does: that is no defect.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

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
