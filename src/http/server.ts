import { createServer as createHttpServer, type Server } from 'node:http'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { VolleyError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { Log } from '../log.ts'
import { Authenticator, admit } from './auth.ts'
import { readJson } from './body.ts'
import type { WebDeps } from './deps.ts'
import { asVolleyError } from './failures.ts'
import { incomingOf } from './incoming.ts'
import { mistakesOf, mistakesOfTexts } from './mistakes.ts'
import type { PlainAnswer, PlainRequest, Route } from './route.ts'

export interface ServerOptions {
  deps: WebDeps
  routes: readonly Route[]
  /** Sees every answer before it is written; tests compare it with what the route declares. */
  onAnswer?(route: Route, answer: PlainAnswer): void
}

/** The API as an HTTP server that is not listening yet. */
export function createServer(options: ServerOptions): Server {
  const koa = new Koa()
  koa.silent = true
  koa.use((context, next) => guarded(context, options.deps.log, next))
  koa.use(routerOf(options).routes())
  koa.use((context) => unmatched(context, options.routes))
  const server = createHttpServer(koa.callback())
  // Longer than the minute that load balancers keep a connection, so that they close it and not we.
  server.keepAliveTimeout = 65_000
  server.headersTimeout = 20_000
  server.requestTimeout = 60_000
  return server
}

/** Stops accepting, lets running requests finish within `graceMs`, then ends every connection. */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearTimeout(timer)
}

function routerOf({ deps, routes, onAnswer }: ServerOptions): Router {
  const router = new Router()
  const authenticator = new Authenticator(deps.ledger)
  for (const route of routes) {
    router.register(route.path, [route.method], async (context: Context) => {
      context.state.pattern = route.path
      const request = await plainRequest(context, route, deps, authenticator)
      const answer = await route.handler(request)
      onAnswer?.(route, answer)
      context.status = answer.status
      if (answer.headers !== undefined) context.set(answer.headers)
      context.body = answer.stream ?? answer.body
    })
  }
  return router
}

/** Everything that a handler may rely on; who calls is settled before anything of the request is read. */
async function plainRequest(
  context: Context,
  route: Route,
  deps: WebDeps,
  authenticator: Authenticator,
): Promise<PlainRequest> {
  const caller = await admit(authenticator, route.auth, context.get('authorization') || undefined)
  // For the line in the log.
  if (caller !== null)
    Object.assign(context.state, 'tenant' in caller ? { tenant: caller.tenant } : { operator: caller.keyId })
  const params = pathParams(context)
  const query =
    route.openQuery === true ? {} : texts(route.query, 'invalid_query', uniqueQuery(context, route))
  const headers = texts(route.headers, 'invalid_header', pick(context, route))
  const incoming = route.auth === 'vendor' ? incomingOf(context, authenticator) : null
  const body =
    route.body === undefined || incoming !== null
      ? undefined
      : await validBody(context, route, deps.config.bodyLimitBytes)
  return {
    params,
    query,
    headers,
    body,
    caller,
    incoming,
    log: context.state.log as Log,
    deps,
    // Few ask for it, and to abort one for each request costs more than to route it.
    get signal() {
      return goneSignal(context)
    },
  }
}

/** No id has a NUL in it, and Postgres takes none in a text. */
function pathParams(context: Context): Record<string, string> {
  const params = { ...(context.params as Record<string, string>) }
  if (Object.values(params).some((value) => value.includes('\0'))) throw new VolleyError('not_found')
  return params
}

async function validBody(context: Context, route: Route, limitBytes: number): Promise<unknown> {
  const body = await readJson(context.req, limitBytes, { namesOnce: route.namesOnce === true })
  const mistakes = mistakesOf(route.body!, body)
  if (mistakes.length > 0) throw new VolleyError('invalid_body', undefined, { details: mistakes })
  return body
}

function texts(
  schema: Route['query'],
  code: 'invalid_query' | 'invalid_header',
  values: Record<string, unknown>,
) {
  if (schema === undefined) return {}
  const mistakes = mistakesOfTexts(schema, values)
  if (mistakes.length > 0) throw new VolleyError(code, undefined, { details: mistakes })
  return values
}

/** A misspelt filter that is silently ignored answers with everything, so an unknown name is refused. */
function uniqueQuery(context: Context, route: Route): Record<string, unknown> {
  const known = Object.keys(route.query?.properties ?? {})
  const values: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(context.query)) {
    const path = `/${name}`
    if (!known.includes(name)) {
      const expected =
        known.length === 0 ? 'this address takes no query parameters' : `known are ${known.join(', ')}`
      throw new VolleyError('invalid_query', undefined, {
        details: [{ path, message: `is not a parameter; ${expected}` }],
      })
    }
    if (Array.isArray(value))
      throw new VolleyError('invalid_query', undefined, {
        details: [{ path, message: 'must be given once' }],
      })
    if (value?.includes('\0'))
      throw new VolleyError('invalid_query', undefined, {
        details: [{ path, message: 'must not contain NUL' }],
      })
    values[name] = value
  }
  return values
}

function pick(context: Context, route: Route): Record<string, unknown> {
  const names = Object.keys(route.headers?.properties ?? {})
  return Object.fromEntries(
    names.flatMap((name) => (context.get(name) === '' ? [] : [[name, context.get(name)]])),
  )
}

function goneSignal(context: Context): AbortSignal {
  const gone = new AbortController()
  if (context.res.closed) gone.abort()
  else context.res.once('close', () => gone.abort())
  return gone.signal
}

/** Gives every request an id and one line in the log, and every failure its coded answer. */
async function guarded(context: Context, log: Log, next: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now()
  const requestId = newId('rq')
  context.set('X-Request-Id', requestId)
  context.state.log = log.child({ request: requestId })
  try {
    await next()
  } catch (thrown) {
    const error = asVolleyError(thrown)
    if (error.code === 'internal')
      log.error({ request: requestId, error: described(thrown) }, 'request failed inside')
    answerError(context, error, requestId)
  }
  const { method, status } = context
  const ms = Math.round(performance.now() - startedAt)
  const level = status >= 500 ? 'warn' : 'debug'
  log[level](
    {
      request: requestId,
      method,
      path: context.state.pattern ?? 'none',
      status,
      ms,
      tenant: context.state.tenant,
      operator: context.state.operator,
    },
    'request',
  )
}

/** With where it was thrown: the logger would write an error as an empty object. */
const described = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? String(thrown)) : String(thrown)

function answerError(context: Context, error: VolleyError, requestId: string): void {
  context.status = error.status
  if (error.status === 401) context.set('WWW-Authenticate', 'Bearer')
  if (error.retryAfterS !== null) context.set('Retry-After', String(error.retryAfterS))
  else if (error.status === 503) context.set('Retry-After', '1')
  // What is left of a refused body would stand before the next request on the connection. Closing instead can lose the
  // answer on its way; `requestTimeout` bounds how long a client may go on.
  context.req.resume()
  const details = error.code === 'internal' ? [{ path: '', message: `request ${requestId}` }] : error.details
  context.body = { error: error.message, code: error.code, ...(details === undefined ? {} : { details }) }
}

/** Nothing was declared for this path and method: 405 where another method would do, else 404. */
function unmatched(context: Context, routes: readonly Route[]): void {
  const matching = routes.filter((route) => pathPattern(route.path).test(context.path))
  if (matching.length === 0)
    throw new VolleyError('not_found', `There is nothing at ${context.path.slice(0, 200)}.`)
  const methods = matching.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  const allowed = [...new Set([...methods, 'OPTIONS'])].join(', ')
  context.set('Allow', allowed)
  if (context.method === 'OPTIONS') {
    context.status = 204
    return
  }
  throw new VolleyError(
    'method_not_allowed',
    `${context.method} is not a method of this address; it takes ${allowed}.`,
  )
}

const pathPattern = (path: string) => new RegExp(`^${path.replace(/:[a-z_]+/g, '[^/]+')}/?$`)
