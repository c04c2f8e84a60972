import { Ajv2020 } from 'ajv/dist/2020.js'
import { startWeb, startWorker } from '../../src/app.ts'
import { type Config, readConfig } from '../../src/config.ts'
import type { ServerOptions } from '../../src/http/server.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { createKey } from '../../src/ledger/tenants/keys.ts'
import { createLog } from '../../src/log.ts'
import { testDatabase, testRedis } from './servers.ts'

export interface Answered {
  status: number
  body: any
  headers: Headers
}

type WorkerProcess = Awaited<ReturnType<typeof startWorker>>

const ajv = new Ajv2020({ strict: false, allErrors: true })

/** Every answer of every test is held against what its route declares. */
const onAnswer: NonNullable<ServerOptions['onAnswer']> = (route, answer) => {
  const schema = route.answers[answer.status]
  const shown = JSON.parse(JSON.stringify(answer.body))
  if (schema === undefined) throw new Error(`${route.method} ${route.path} does not declare ${answer.status}`)
  if (!ajv.validate(schema, shown))
    throw new Error(`${route.method} ${route.path} breaks its answer: ${ajv.errorsText()}`)
}

/** A web process and workers inside this process, on a database of their own. */
export class Installation {
  readonly config: Config
  readonly ledger: Ledger
  readonly url: string
  /** Live and test keys of the tenant `acme`, and a live one of another tenant. */
  readonly keys: { live: string; test: string; other: string }
  readonly workers: WorkerProcess[] = []
  readonly #close: () => Promise<void>

  private constructor(
    parts: Pick<Installation, 'config' | 'ledger' | 'url' | 'keys'>,
    close: () => Promise<void>,
  ) {
    this.config = parts.config
    this.ledger = parts.ledger
    this.url = parts.url
    this.keys = parts.keys
    this.#close = close
  }

  static async start(
    options: {
      workers?: number
      env?: Record<string, string>
      redisUrl?: string
      database?: { url: string; drop(): Promise<void> }
    } = {},
  ): Promise<Installation> {
    const database = options.database ?? (await testDatabase())
    const config = readConfig({
      DATABASE_URL: database.url,
      REDIS_URL: options.redisUrl ?? (await testRedis()).url,
      VOLLEY_SECRET_KEY: 'ab'.repeat(32),
      VOLLEY_EGRESS_ALLOW: '127.0.0.0/8',
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
      ...options.env,
    })
    const ledger = await Ledger.open({ databaseUrl: database.url, poolMax: 4 })
    const key = async (tenant: string, mode: 'live' | 'test') =>
      (await createKey(ledger, { tenant, mode })).key
    const keys = {
      live: await key('acme', 'live'),
      test: await key('acme', 'test'),
      other: await key('other', 'live'),
    }
    const web = await startWeb(config, createLog({ level: config.logLevel, name: 'web' }), { onAnswer })
    const installation = new Installation({ config, ledger, url: web.url, keys }, async () => {
      await web.close()
      await ledger.close()
      await database.drop()
    })
    for (let i = 0; i < (options.workers ?? 0); i++) await installation.addWorker()
    return installation
  }

  async addWorker(): Promise<WorkerProcess> {
    const worker = await startWorker(this.config, createLog({ level: this.config.logLevel, name: 'worker' }))
    this.workers.push(worker)
    return worker
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    options: { key?: string; headers?: Record<string, string> } = {},
  ): Promise<Answered> {
    const answer = await fetch(this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${options.key ?? this.keys.live}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: answer.status, body: await answer.json(), headers: answer.headers }
  }

  /** Registers an action type and gives it with its secret; throws where that is refused. */
  async actionType(
    fields: Record<string, unknown>,
  ): Promise<{ id: string; name: string; webhook_secret: string }> {
    const { status, body } = await this.call('POST', '/api/external/action-types', {
      name: 'grant_points',
      provider: 'loyalty',
      parameters_schema: {},
      ...fields,
    })
    if (status !== 201) throw new Error(JSON.stringify(body))
    return body.action_type
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()))
    await this.#close()
  }
}
