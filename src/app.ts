import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { wantsOf } from './decisions/arming.ts'
import { Client } from './dispatch/client.ts'
import { createGuard } from './dispatch/guard.ts'
import { loadDocuments } from './documents/documents.ts'
import { compileFilter } from './documents/endpoint-filter.ts'
import { compileEndpointMapping } from './documents/endpoint-mapping.ts'
import { LiveRules } from './documents/live-rules.ts'
import type { OwnSource } from './documents/own-documents.ts'
import { compileParametersSchema } from './documents/parameters-schema.ts'
import { VolleyError } from './errors.ts'
import { BacklogGate } from './http/backlog-gate.ts'
import { KnownSecrets } from './http/connectors/known-secrets.ts'
import { OfferedTypes } from './http/decisions/offered-types.ts'
import { EventTail } from './http/events/tail.ts'
import { routes } from './http/routes.ts'
import { closeServer, createServer, type ServerOptions } from './http/server.ts'
import { PullWaits } from './http/webhooks/pull-waits.ts'
import { readLessons } from './ledger/decisions/lessons.ts'
import { LessonsInUse } from './ledger/decisions/lessons-in-use.ts'
import { EndpointRegistry } from './ledger/endpoints/endpoint-registry.ts'
import { engineLedger } from './ledger/engine-ledger.ts'
import { followEvents, presentPosition } from './ledger/events/follow-events.ts'
import { countBacklog } from './ledger/intake/backlog.ts'
import { Intake } from './ledger/intake/intake.ts'
import { Ledger } from './ledger/ledger.ts'
import { openLoadPool } from './ledger/load-pool.ts'
import { owners } from './ledger/ownership/workers.ts'
import { PeopleAsked } from './ledger/people/people-asked.ts'
import { partitionsOfTenant } from './ledger/placement.ts'
import { changedInForce, inForceOf } from './ledger/rules/rule-documents.ts'
import { dropRulesInUse, sayRulesInUse } from './ledger/rules/rules-in-use.ts'
import { type SecretBox, secretBox } from './ledger/secrets.ts'
import { readSegmentSecret } from './ledger/tenants/segment-secret.ts'
import { TenantRegistry } from './ledger/tenants/tenant-registry.ts'
import { TypeRegistry } from './ledger/tenants/type-registry.ts'
import { AllTypes } from './ledger/tenants/types-in-use.ts'
import type { Log } from './log.ts'
import { connect } from './mailbox/connect.ts'
import { Mailbox } from './mailbox/read.ts'
import { Mailer } from './mailbox/send.ts'
import { Worker } from './turn/worker.ts'
import { Arming, type ArmingRules } from './upkeep/arming.ts'
import { EndpointHealthKeeper } from './upkeep/endpoints.ts'
import { Erasures } from './upkeep/erasures.ts'
import { MonthKeeper } from './upkeep/months.ts'
import { Replays } from './upkeep/replays.ts'
import { Retention } from './upkeep/retention.ts'
import { RolloutKeeper } from './upkeep/rollouts.ts'

const POOL_MAX = { web: 16, worker: 8 }
/** Of one statement: a connection may be dead without saying so, and a beat should outlive the wait. */
const QUERY_TIMEOUT_MS = 10_000
const CLOSE_GRACE_MS = 5_000
/** So old may what a live view shows be. */
const LIVE_VIEW_MS = 500
const CONNECTIONS_PER_ORIGIN = 64

interface Needed {
  databaseUrl: string
  redisUrl: string
  secretKey: Buffer
}

/** Both kinds of process need all three; `volley start` finds or makes them. */
function needed(config: Config): Needed {
  const { databaseUrl, redisUrl, secretKey } = config
  if (databaseUrl === null) throw new VolleyError('config_invalid', 'DATABASE_URL is not set')
  if (redisUrl === null) throw new VolleyError('config_invalid', 'REDIS_URL is not set')
  if (secretKey === null) throw new VolleyError('config_invalid', 'VOLLEY_SECRET_KEY is not set')
  return { databaseUrl, redisUrl, secretKey }
}

/** The documents that tenants keep, as the ledger has them. */
function ownDocuments(ledger: () => Ledger): OwnSource {
  let since: string | null = null
  return {
    async changes() {
      const { changed, until } = await changedInForce(ledger().pool, since)
      since = until
      return changed
    },
    read: (tenants) => inForceOf(ledger().pool, tenants),
  }
}

async function openParts(config: Config, kind: 'web' | 'worker', log: Log) {
  const { databaseUrl, redisUrl, secretKey } = needed(config)
  const id = randomUUID()
  // Documents first: a mistake in one stops the start before anything was opened.
  const rules = new LiveRules({
    rulesDir: config.rulesDir,
    log,
    own: ownDocuments(() => ledger),
    report: (state) =>
      sayRulesInUse(ledger.pool, { process: id, kind, host: hostname(), pid: process.pid, ...state }),
  })
  const guard = createGuard(config.egressAllow)
  const ledger = await Ledger.open({
    databaseUrl,
    poolMax: POOL_MAX[kind],
    queryTimeoutMs: QUERY_TIMEOUT_MS,
  })
  await ledger.checkPartitions(config.partitions)
  const secrets: SecretBox = secretBox(secretKey)
  const registry = new TypeRegistry({
    pool: ledger.pool,
    partitions: config.partitions,
    openSecret: (sealed) => secrets.open(sealed),
    compile: compileParametersSchema,
  })
  const tenants = new TenantRegistry(ledger.pool)
  const lessons = new LessonsInUse({
    read: (wanted) => readLessons(ledger.pool, wanted),
    now: () => performance.now(),
  })
  await Promise.all([registry.start(), tenants.start()])
  await rules.start()
  const stopRules = async () => {
    await rules.stop()
    // What a process said counts for a minute; its end does not depend on the ledger.
    await dropRulesInUse(ledger.pool, id).catch(() => undefined)
  }
  return { databaseUrl, redisUrl, rules, stopRules, guard, ledger, secrets, registry, tenants, lessons }
}

/** A web process: serves the API until `close`, which lets running requests finish. */
export async function startWeb(
  config: Config,
  log: Log,
  hooks: Pick<ServerOptions, 'onAnswer'> = {},
): Promise<{ url: string; close(): Promise<void> }> {
  const parts = await openParts(config, 'web', log)
  const { redisUrl, rules, guard, ledger, secrets, registry, tenants, lessons } = parts
  const redis = connect(redisUrl, 'send', log, config.redisTls)
  const nudger = new Mailer({ redis, log, readOwners: () => owners(ledger.pool) })
  const backlog = new BacklogGate({
    count: (tenant, limit) => countBacklog(ledger.pool, tenant, { partitions: config.partitions, limit }),
    limitOf: (tenant) => tenants.backlogMaxOf(tenant) ?? config.backlogMax,
    now: () => performance.now(),
  })
  const intake = new Intake(ledger.pool)
  const segmentSecrets = new KnownSecrets(async (tenant) => {
    const sealed = await readSegmentSecret(ledger.pool, tenant)
    return sealed === null ? null : secrets.open(sealed)
  })
  const outside = new Client({ guard, connectionsPerOrigin: CONNECTIONS_PER_ORIGIN })
  const tail = new EventTail({
    follow: followEvents.bind(null, ledger.pool),
    present: presentPosition.bind(null, ledger.pool),
    partitionsOf: (tenant) => partitionsOfTenant(tenant, config.partitions),
    everyMs: LIVE_VIEW_MS,
    log,
  })
  const deps = {
    ledger,
    tail,
    pullWaits: new PullWaits(),
    intake,
    registry,
    offeredTypes: new OfferedTypes({ registry, now: () => performance.now() }),
    people: new PeopleAsked(ledger.pool),
    tenants,
    lessons,
    backlog,
    nudger,
    log,
    config,
    secrets,
    segmentSecrets,
    guard,
    rules,
    plans: loadDocuments(config.rulesDir).plans?.plans ?? [],
    outside,
  }
  const server = createServer({ deps, routes, ...hooks })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(config.port, config.host ?? '0.0.0.0', resolve)
  })
  const { port } = server.address() as AddressInfo
  const host = config.host === null || config.host === '0.0.0.0' ? '127.0.0.1' : config.host
  return {
    url: `http://${host}:${port}`,
    async close() {
      await tail.stop()
      await closeServer(server, CLOSE_GRACE_MS)
      await outside.close()
      await parts.stopRules()
      await registry.stop()
      await tenants.stop()
      redis.disconnect()
      await ledger.close()
    },
  }
}

/** The documents in force, as those have to know them who arm people for what rules wait for. */
function armingRules(rules: LiveRules): ArmingRules {
  return {
    get digest() {
      return rules.digest
    },
    hearTenants: () => rules.hearTenants(),
    async wantsOf(tenants) {
      const shelf = rules.latest()
      await shelf.ready(tenants)
      return new Map(tenants.map((tenant) => [tenant, wantsOf(shelf.setsOf(tenant))]))
    },
  }
}

/** The background roles of a worker process, until `stop`. */
function startUpkeep(
  ledger: Ledger,
  config: Config,
  log: Log,
  secrets: SecretBox,
  rules: LiveRules,
): { stop(): Promise<void> } {
  const months = new MonthKeeper(ledger, log)
  const retention = new Retention(ledger, log, config.keep)
  const endpoints = new EndpointHealthKeeper(ledger, log, config.endpointFailingMs)
  const rollouts = new RolloutKeeper(ledger, log)
  const erasures = new Erasures(ledger, config.partitions, log)
  const arming = new Arming(ledger, log, armingRules(rules))
  const openSecret = (sealed: Buffer) => secrets.open(sealed)
  const replays = new Replays(ledger, log, {
    partitions: config.partitions,
    openSecret,
    compileFilter,
    compileMapping: compileEndpointMapping,
  })
  months.start()
  retention.start()
  erasures.start()
  rollouts.start()
  endpoints.start()
  replays.start()
  arming.start()
  return {
    async stop() {
      months.stop()
      await Promise.all([
        retention.stop(),
        erasures.stop(),
        rollouts.stop(),
        endpoints.stop(),
        replays.stop(),
        arming.stop(),
      ])
    },
  }
}

/** A worker process: owns its share of the partitions and sends until `close`, which gives them back first. */
export async function startWorker(config: Config, log: Log): Promise<{ id: string; close(): Promise<void> }> {
  const parts = await openParts(config, 'worker', log)
  const { databaseUrl, redisUrl, rules, guard, ledger, secrets, registry, tenants, lessons } = parts
  const endpoints = new EndpointRegistry({
    pool: ledger.pool,
    partitions: config.partitions,
    openSecret: (sealed) => secrets.open(sealed),
    compileFilter,
    compileMapping: compileEndpointMapping,
  })
  await endpoints.start()
  const loads = openLoadPool({ databaseUrl, queryTimeoutMs: QUERY_TIMEOUT_MS })
  const commands = connect(redisUrl, 'send', log, config.redisTls)
  const client = new Client({ guard, connectionsPerOrigin: CONNECTIONS_PER_ORIGIN })
  let mailbox: Mailbox | undefined
  const openMailbox = (worker: string) => {
    mailbox = new Mailbox({
      worker,
      redis: connect(redisUrl, 'read', log, config.redisTls),
      onNudges: (n) => engine.hint(n),
    })
    mailbox.start()
  }
  const nudger = new Mailer({
    redis: commands,
    log,
    readOwners: () => owners(ledger.pool),
    deliverLocally(nudge) {
      if (!engine.owns(nudge.p)) return false
      engine.hint([nudge])
      return true
    },
  })
  const engine: Worker = new Worker({
    ledger: engineLedger({ databaseUrl, pool: ledger.pool, loads }),
    clock: systemClock,
    registry: new AllTypes(registry, endpoints),
    tenants,
    latestRules: () => rules.latest(),
    lessons,
    client,
    nudger,
    log,
    partitions: config.partitions,
    headerPrefix: config.headerPrefix,
    beatMs: config.beatMs,
    wireMax: config.wireMax,
    breakerShare: config.breakerShare,
    onReborn(id) {
      void mailbox?.stop()
      openMailbox(id)
    },
  })
  await engine.start()
  openMailbox(engine.id)
  const upkeep = startUpkeep(ledger, config, log, secrets, rules)
  return {
    id: engine.id,
    async close() {
      const upkeepEnd = upkeep.stop()
      await engine.stop()
      await upkeepEnd
      await mailbox?.stop()
      commands.disconnect()
      await client.close()
      await Promise.all([parts.stopRules(), registry.stop(), endpoints.stop(), tenants.stop()])
      await loads.end()
      await ledger.close()
    },
  }
}
