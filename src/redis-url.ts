import { VolleyError } from './errors.ts'

/** What a REDIS_URL says: one server, or where to ask for the nodes of a cluster. */
export interface RedisTarget {
  kind: 'server' | 'cluster'
  /** At least one; for a cluster any of its nodes, since it names the others itself. */
  nodes: readonly { host: string; port: number }[]
  isTls: boolean
  username: string | null
  password: string | null
  /** Always 0 for a cluster, which has no other. */
  database: number
}

const DEFAULT_PORT = 6379
const FORM = 'redis://[user:password@]host[:port][/database], or rediss:// for TLS'

/** Says what is wrong without the value: any part of it may be one of a password that was not percent-encoded. */
function refuse(what: string): never {
  throw new VolleyError('config_invalid', `REDIS_URL: ${what}`)
}

/** A password may hold a comma, so only one before a scheme separates. */
function split(text: string): string[] {
  return text.trim().split(/\s*,\s*(?=rediss?:)/)
}

function parsed(text: string): URL {
  const isOurs = /^rediss?:\/\//.test(text) && URL.canParse(text)
  return isOurs
    ? new URL(text)
    : refuse(`expected ${FORM}; several of them, with commas between, for a cluster`)
}

function decoded(text: string, name: string): string | null {
  try {
    return text === '' ? null : decodeURIComponent(text)
  } catch {
    return refuse(`its ${name} has a "%" that does not begin a percent-encoded character; write it as %25`)
  }
}

function databaseOf({ pathname }: URL): number {
  const text = pathname.replace(/^\//, '')
  return /^\d{0,4}$/.test(text)
    ? Number(text)
    : refuse('expected nothing after the host but the number of a database')
}

/** Whether a single URL says that it is a node of a cluster. */
function saysCluster(url: URL): boolean {
  for (const [name, value] of url.searchParams) {
    if (name !== 'cluster') refuse('a parameter is not known; the only one is ?cluster=true')
    if (value !== 'true' && value !== 'false') refuse('expected true or false after ?cluster=')
  }
  return url.searchParams.get('cluster') === 'true'
}

/** What all URLs of a cluster share; the first may speak for the others. */
function shared(urls: readonly URL[], part: 'username' | 'password'): string {
  const values = new Set(urls.map((url) => url[part]).filter((value) => value !== ''))
  if (values.size > 1) refuse(`expected one ${part} for all nodes of a cluster`)
  return [...values][0] ?? ''
}

/** Reads a REDIS_URL; throws `config_invalid` with what was expected, and never repeats a password. */
export function parseRedisUrl(text: string): RedisTarget {
  const urls = split(text).map(parsed)
  const kind = urls.map(saysCluster).includes(true) || urls.length > 1 ? 'cluster' : 'server'
  if (new Set(urls.map(({ protocol }) => protocol)).size > 1)
    refuse('expected redis:// for all nodes of a cluster, or rediss:// for all')
  const database = Math.max(...urls.map(databaseOf))
  if (kind === 'cluster' && database !== 0) refuse(`a cluster has no database ${database}, only 0`)
  return {
    kind,
    nodes: urls.map(({ hostname, port }) => ({
      host: hostname.replace(/^\[|\]$/g, '') || refuse(`no host in it; expected ${FORM}`),
      port: port === '' ? DEFAULT_PORT : Number(port),
    })),
    isTls: urls[0]?.protocol === 'rediss:',
    username: decoded(shared(urls, 'username'), 'user'),
    password: decoded(shared(urls, 'password'), 'password'),
    database,
  }
}

/** A REDIS_URL as an operator may see it: without user and password. */
export function shownRedisUrl(text: string): string {
  return split(text)
    .map((each) => each.replace(/\/\/.*@/, '//…@'))
    .join(',')
}
