import { seenByRules } from '../../actors/person.ts'
import { loadDocuments } from '../documents/documents.ts'
import { OwnDocuments, type OwnSource } from '../documents/own-documents.ts'
import { loadRules, type RuleBook } from '../documents/rule-book.ts'
import { Shelf } from '../documents/shelf.ts'
import { VolleyError } from '../errors.ts'
import { jsonMistakeAt, placeIn } from '../json-mistake.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { readCurrent } from '../ledger/people/read-people.ts'
import { inForceOf } from '../ledger/rules/rule-documents.ts'
import { readSending } from '../ledger/tenants/sending.ts'
import { createLog } from '../log.ts'
import { type Trial, tryRules } from './rules-try.ts'

/** The options of `volley rules try`, as they are written. */
export interface TryOptions {
  user: string
  tenant?: string
  domain?: string
  context?: string
  facts?: string
  event?: string
  data?: string
  trigger?: string
  now?: string
  available?: string
}

/** What `volley rules try` shows; the ledger is asked only where the options name a tenant. */
export async function linesOfTrial(
  rulesDir: string,
  options: TryOptions,
  withLedger: (use: (ledger: Ledger) => Promise<void>) => Promise<void>,
): Promise<string[]> {
  const trial = trialOf(options)
  const { tenant: slug } = options
  if (slug === undefined) return tryRules(loadRules(rulesDir), trial)
  let lines: string[] = []
  await withLedger(async (ledger) => {
    const tenant = await tenantCalled(ledger, slug)
    const known = await withKnown(ledger, trial, { slug, tenant })
    lines = tryRules(await bookFor(ledger, rulesDir, { tenant, user: trial.userId }), known)
  })
  return lines
}

/** What the options ask. Throws `config_invalid` with the option, the place and what was expected. */
export function trialOf(options: TryOptions): Trial {
  const { user, domain, event, available } = options
  if (event === undefined && options.data !== undefined)
    throw new VolleyError('config_invalid', '--data: expected --event <type> beside it')
  if (event !== undefined && options.trigger !== undefined)
    throw new VolleyError('config_invalid', '--trigger: expected it without --event, or that without it')
  const now = timeOf(options.now)
  return {
    userId: user,
    domain: domain ?? null,
    given: {
      now,
      user: objectOf('--facts', options.facts),
      context: objectOf('--context', options.context),
      ...(event === undefined
        ? {}
        : { event: { type: event, data: objectOf('--data', options.data), time: now } }),
      ...(options.trigger === undefined ? {} : { trigger: objectOf('--trigger', options.trigger) }),
      ...(available === undefined
        ? {}
        : { available_actions: available.split(',').map((name) => name.trim()) }),
    },
  }
}

function objectOf(option: string, text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new VolleyError(
      'config_invalid',
      `${option}: not valid JSON at ${placeIn(text, jsonMistakeAt(text))}; expected an object such as '{"days": 14}'`,
    )
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new VolleyError('config_invalid', `${option}: expected a JSON object such as '{"days": 14}'`)
}

function timeOf(text: string | undefined): string {
  const at = text === undefined ? Date.now() : Date.parse(text)
  if (!Number.isNaN(at)) return new Date(at).toISOString()
  throw new VolleyError('config_invalid', `--now ${text}: expected a time such as 2026-03-01T12:00:00Z`)
}

async function tenantCalled(ledger: Ledger, slug: string): Promise<string> {
  const found = await readSending(ledger.pool, { slug })
  if (found === null) throw new VolleyError('not_found', `No tenant is called ${slug}.`)
  return found.tenant
}

/** What is in force for one user: the tenant's own documents, and the files beneath. */
async function bookFor(
  ledger: Ledger,
  rulesDir: string,
  { tenant, user }: { tenant: string; user: string },
): Promise<RuleBook> {
  const source: OwnSource = {
    changes: async () => [{ tenant, stamp: '' }],
    read: (tenants) => inForceOf(ledger.pool, tenants),
  }
  const own = new OwnDocuments(source, createLog({ level: 'error', name: 'volley' }))
  await own.hear()
  await own.ready([tenant])
  return new Shelf(loadDocuments(rulesDir), own).forUser(tenant, user)
}

/** The same trial with what is known of the user, under the facts given by hand. Throws where nothing is known. */
async function withKnown(
  ledger: Ledger,
  trial: Trial,
  { slug, tenant }: { slug: string; tenant: string },
): Promise<Trial> {
  const person = await readCurrent(ledger.pool, { tenant, test: false, id: trial.userId })
  if (person === null)
    throw new VolleyError('not_found', `Nothing is known of a user ${trial.userId} of ${slug}.`)
  const { now } = trial.given
  const known = seenByRules(person, now === undefined ? Date.now() : Date.parse(now))
  return { ...trial, given: { ...trial.given, user: { ...known, ...trial.given.user } } }
}
