import {
  type CanonicalItem,
  type Cohort,
  isUnusable,
  MISSING_USER,
  type Normalised,
  type Source,
  usersUpserted,
} from '../../connectors/canonical.ts'
import { connect } from '../../connectors/connect.ts'
import type { Document } from '../../connectors/decode.ts'
import { type Mistake, VolleyError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { eventsOf } from '../../ledger/events/canonical-events.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { takeEvents } from '../events/take.ts'
import { knownPeople, type WouldDecide, wouldDecide } from '../events/would-decide.ts'
import type { Incoming } from '../route.ts'
import { requireSignature } from './segment-secret.ts'

/** A body is read before anybody has shown a key where the key stands in it, so it may be no larger than this. */
const KEYLESS_BYTES_MAX = 1_000_000

/** How an address takes what it is sent. */
export interface Address {
  source: Source
  /** `head`: only in a header or the query; `anywhere`: in the body too, as the vendors' libraries send it. */
  keyIn: 'head' | 'anywhere'
  /** Whether X-Signature is looked at, where the tenant has a shared secret. */
  isSigned: boolean
  /** Puts into a document what the address alone says about it. */
  reshape?(document: Document): Document
}

/** What became of a body: `unusable` is one of which nothing was kept. */
export type Received =
  | {
      kind: 'taken'
      /** New events. */
      accepted: number
      usersUpserted: number
      mistakes: readonly Mistake[]
      cohort: Cohort | null
      /** What rules say of it; null for a live key, of which they are really asked. */
      wouldDecide: WouldDecide[] | null
    }
  | { kind: 'unusable'; mistakes: readonly Mistake[]; cohort: Cohort | null }

/** Reads a body of a vendor's and keeps what it says, all or nothing; throws what refuses the whole of it. */
export async function receive(incoming: Incoming, deps: WebDeps, address: Address): Promise<Received> {
  const caller = await incoming.caller()
  if (caller === null && address.keyIn === 'head')
    throw new VolleyError('unauthorized', 'Send the API key as "Authorization: Bearer rt_live_…".')
  const limitBytes =
    caller === null ? Math.min(KEYLESS_BYTES_MAX, deps.config.bodyLimitBytes) : deps.config.bodyLimitBytes
  const bytes = await incoming.bytes(limitBytes)
  if (caller !== null && address.isSigned) await requireSignature(deps, caller, bytes, incoming.signature)
  const { contentType, contentEncoding, query } = incoming
  const body = { bytes, contentType, contentEncoding, query, limitBytes }
  const said = connect(address.source, body, { receivedAt: Date.now(), isLive: true }, address.reshape)
  if (said.kind === 'refused') throw new VolleyError(said.code, said.message)
  const sender = caller ?? (await callerIn(said, incoming))
  const { cohort } = said
  if (isUnusable(said)) return { kind: 'unusable', mistakes: mistakesIn(said), cohort }
  const { fresh, would } = await keep(said.items, sender, address.source, deps)
  return {
    kind: 'taken',
    accepted: fresh.filter(({ kind }) => kind === 'event').length,
    usersUpserted: usersUpserted(fresh),
    mistakes: mistakesIn(said),
    cohort,
    wouldDecide: would,
  }
}

/** The refusal of a body of which nothing can be used. */
export const unusable = (mistakes: readonly Mistake[]): VolleyError =>
  new VolleyError('no_usable_event', MISSING_USER, { details: mistakes })

async function callerIn({ key }: Normalised, incoming: Incoming): Promise<Caller> {
  if (key !== null) return incoming.callerOf(key)
  throw new VolleyError('unauthorized', 'No API key was found, neither in the headers nor in the body.')
}

/** Commits the items; gives those that were new, and for a test key what would be decided. */
async function keep(
  items: readonly CanonicalItem[],
  { tenant, mode }: Caller,
  source: Source,
  deps: WebDeps,
): Promise<{ fresh: CanonicalItem[]; would: WouldDecide[] | null }> {
  const isTest = mode === 'test'
  if (items.length === 0) return { fresh: [], would: isTest ? [] : null }
  const { partitions } = deps.config
  const rows = eventsOf(items, { tenant, partitions, newId: () => newId('ev') })
  const known = isTest ? await knownPeople(deps, tenant, rows) : null
  const taken = await takeEvents(deps, { tenant, source, test: isTest, decides: true }, rows)
  const ids = new Set(taken.map(({ id }) => id))
  const would = known === null ? null : await wouldDecide(taken, known, tenant, deps)
  return { fresh: items.filter((_, i) => ids.has(rows[i]!.id)), would }
}

/** More help nobody, and a hostile body must not make a large answer. */
const MISTAKES_MAX = 20

const mistakesIn = ({ rejected }: Normalised): Mistake[] =>
  rejected.slice(0, MISTAKES_MAX).map(({ where, reason }) => ({ path: where, message: reason }))
