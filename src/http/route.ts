import type { Readable } from 'node:stream'
import type { Static, TObject, TSchema } from 'typebox'
import type { ErrorCode } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Caller, Operator, WebDeps } from './deps.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * `key`: only with a tenant's key; `operator`: only with an operator's; `none`: open to everybody; `vendor`: only with a
 * tenant's key, sent in any of the ways in which vendors send one, and the handler asks for it and reads the body.
 */
export type Auth = 'key' | 'operator' | 'vendor' | 'none'

/** A request that is read by its handler, not by a schema. */
export interface Incoming {
  contentType: string | null
  contentEncoding: string | null
  /** The header X-Signature. */
  signature: string | null
  /** The first value of each name. */
  query: { readonly [name: string]: string | undefined }
  /** Whose key the headers or the query carry; null where none is in them. Throws `unauthorized`, `tenant_key_needed`. */
  caller(): Promise<Caller | null>
  /** Whose key this is; throws the same. */
  callerOf(key: string): Promise<Caller>
  /** The body as it came; throws `body_too_large`. */
  bytes(limitBytes: number): Promise<Buffer>
}

/** The schemas of what a route answers, by status. Error answers need no schema: all have the same one. */
export type Answers = Readonly<Record<number, TSchema>>

/** A value that follows from a schema; an empty object where a route declares none. */
type Value<S> = S extends TSchema ? Static<S> : Record<never, never>

/** What a handler gets: parsed and valid by the schemas of its route. */
export interface RouteRequest<P, Q, H, B, A extends Auth> {
  params: Value<P>
  query: Value<Q>
  headers: Value<H>
  body: Value<B>
  caller: A extends 'key' ? Caller : A extends 'operator' ? Operator : null
  incoming: A extends 'vendor' ? Incoming : null
  /** Carries the request id on each line. */
  log: Log
  deps: WebDeps
  /** Aborted once the client is gone. */
  signal: AbortSignal
}

/** One of the declared answers; that the status belongs to the body is checked where answers are, by `onAnswer`. */
export interface Answer<R extends Answers> {
  status: number
  body: Static<R[keyof R & number]>
  headers?: Record<string, string>
  /** Sent in the stead of `body`, as it comes; the client's end ends it. */
  stream?: Readable
}

/** One call of the API: the single source of its validation, its types and its description. */
export interface Declaration<
  P extends TObject | undefined,
  Q extends TObject | undefined,
  H extends TObject | undefined,
  B extends TSchema | undefined,
  A extends Auth,
  R extends Answers,
> {
  method: Method
  /** As the router takes it, with `:name` for each entry of `params`. */
  path: string
  summary: string
  description?: string
  /** The heading under which it is described; made of the path where it is not given. */
  tag?: string
  auth: A
  params?: P
  /** Query parameters; values are coerced, unknown names are refused. A `default` makes a parameter optional. */
  query?: Q
  /** The query has names that do not matter here, and none is refused. */
  openQuery?: true
  /** Headers by their lower-case names; others are not looked at. */
  headers?: H
  /** A JSON body; properties that it does not name are ignored. A `default` makes a property optional. */
  body?: B
  /** The body has documents that people write: a name that stands twice in one object is refused, as in a file. */
  namesOnce?: true
  answers: R
  /** Codes beyond those that every call can answer, for the description. */
  errors?: readonly ErrorCode[]
  /** A body as a client would send it, for the description. */
  example?: unknown
  handler(request: RouteRequest<P, Q, H, B, A>): Promise<Answer<R>>
}

/** What a handler answers, before it is written. */
export interface PlainAnswer {
  status: number
  body: unknown
  headers?: Record<string, string>
  stream?: Readable
}

/** A request whose parts are valid but whose types are known only to the route. */
export interface PlainRequest {
  params: unknown
  query: unknown
  headers: unknown
  body: unknown
  caller: Caller | Operator | null
  incoming: Incoming | null
  log: Log
  deps: WebDeps
  signal: AbortSignal
}

/** A declared call whose types have done their work. */
export interface Route {
  readonly method: Method
  readonly path: string
  readonly summary: string
  readonly description?: string
  readonly tag?: string
  readonly auth: Auth
  readonly params?: TObject
  readonly query?: TObject
  readonly openQuery?: true
  readonly headers?: TObject
  readonly body?: TSchema
  readonly namesOnce?: true
  readonly answers: Answers
  readonly errors?: readonly ErrorCode[]
  readonly example?: unknown
  handler(request: PlainRequest): Promise<PlainAnswer>
}

/** Declares a call; the types of the handler's request and answer follow from the schemas. */
export function route<
  const R extends Answers,
  A extends Auth,
  P extends TObject | undefined = undefined,
  Q extends TObject | undefined = undefined,
  H extends TObject | undefined = undefined,
  B extends TSchema | undefined = undefined,
>(declaration: Declaration<P, Q, H, B, A, R>): Route {
  // The server validates by the very schemas that the handler's types come from, so forgetting them here is safe.
  return declaration as unknown as Route
}
