import { readFileSync } from 'node:fs'
import Type from 'typebox'
import { type ErrorCode, errorCatalogue } from '../errors.ts'
import { ErrorAnswer } from './mistakes.ts'
import { type Route, route } from './route.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** Codes that any call may answer, by what it declares. */
function commonErrors(declared: Route): ErrorCode[] {
  return [
    ...(declared.auth === 'none' ? [] : (['unauthorized'] as const)),
    ...(['key', 'vendor'].includes(declared.auth) ? (['tenant_key_needed'] as const) : []),
    ...(declared.auth === 'operator' ? (['operator_key_needed'] as const) : []),
    ...(declared.query === undefined ? [] : (['invalid_query'] as const)),
    ...(declared.headers === undefined ? [] : (['invalid_header'] as const)),
    ...(declared.body === undefined
      ? []
      : (['malformed_json', 'invalid_body', 'body_too_large', 'unsupported_media_type'] as const)),
    'internal',
    'unavailable',
  ]
}

/** OpenAPI 3.1 of all declared calls, from the very schemas that requests are checked against. */
export function describe(routes: readonly Route[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const declared of routes) {
    const path = declared.path.replace(/:([a-z_]+)/g, '{$1}')
    paths[path] = { ...paths[path], [declared.method.toLowerCase()]: operation(declared) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Volley', version, description: 'Decide, dispatch, close the loop.' },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        bearerAuth: { type: 'http', scheme: 'bearer', description: 'rt_live_… or rt_test_…' },
        operatorAuth: { type: 'http', scheme: 'bearer', description: 'op_live_…' },
        basicAuth: { type: 'http', scheme: 'basic', description: 'The key as user or password.' },
        queryKey: { type: 'apiKey', in: 'query', name: 'api_key' },
      },
      schemas: { Error: ErrorAnswer },
    },
  }
}

const SECURITY: Record<Route['auth'], unknown[]> = {
  key: [{ bearerAuth: [] }],
  operator: [{ operatorAuth: [] }],
  vendor: [{ bearerAuth: [] }, { basicAuth: [] }, { queryKey: [] }],
  none: [],
}

function operation(declared: Route): Record<string, unknown> {
  return {
    operationId: operationId(declared),
    summary: declared.summary,
    ...(declared.description === undefined ? {} : { description: declared.description }),
    tags: [declared.tag ?? tagOf(declared)],
    security: SECURITY[declared.auth],
    parameters: [
      ...parameters('path', declared.params),
      ...parameters('query', declared.query),
      ...parameters('header', declared.headers),
    ],
    ...(declared.body === undefined
      ? {}
      : { requestBody: { required: true, content: json(declared.body, declared.example) } }),
    responses: responses(declared),
  }
}

const tagOf = ({ path }: Route): string =>
  path
    .split('/')
    .slice(2, 4)
    .filter((part) => !part.startsWith(':'))
    .join(' ') || 'operations'

/** The method and the words of the path: `POST /api/external/actions/:id/cancel` is `postExternalActionsByIdCancel`. */
function operationId({ method, path }: Route): string {
  const words = path
    .replace(/^\/api/, '')
    .split(/[/-]/)
    .filter((word) => word !== '')
  const camel = words.map((word) =>
    word.startsWith(':') ? `By${upper(word.slice(1))}` : upper(word.replace(/\W/g, '')),
  )
  return method.toLowerCase() + camel.join('')
}

const upper = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)

const json = (schema: unknown, example?: unknown) => ({
  'application/json': { schema, ...(example === undefined ? {} : { example }) },
})

function parameters(place: 'path' | 'query' | 'header', schema: Route['query']): unknown[] {
  const required = (schema?.required ?? []) as readonly string[]
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
  }))
}

function responses(declared: Route): Record<string, unknown> {
  const answers = Object.entries(declared.answers).map(([status, schema]) => [
    status,
    { description: 'Done.', content: json(schema) },
  ])
  const codes = new Set([...commonErrors(declared), ...(declared.errors ?? [])])
  const byStatus = new Map<number, string[]>()
  for (const { code, status, text } of errorCatalogue()) {
    if (codes.has(code)) byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\`: ${text}`])
  }
  const failures = [...byStatus].map(([status, texts]) => [
    status,
    { description: texts.join(' '), content: json({ $ref: '#/components/schemas/Error' }) },
  ])
  return Object.fromEntries([...answers, ...failures])
}

/** The call that answers the description; it is in it too. */
export function openApiRoute(routes: readonly Route[]): Route {
  const self = route({
    method: 'GET',
    path: '/api/openapi.json',
    summary: 'This description',
    auth: 'none',
    answers: { 200: Type.Record(Type.String(), Type.Unknown()) },
    async handler() {
      return { status: 200, body: document }
    },
  })
  const document = describe([...routes, self])
  return self
}
