import { setTimeout as sleep } from 'node:timers/promises'
import { newId } from '../../ids.ts'
import type { EventKind, NewEvent } from '../../ledger/events/accept-events.ts'
import { TYPE_OF } from '../../ledger/events/canonical-events.ts'
import { isRead } from '../../ledger/events/events-unread.ts'
import { partitionOfUser } from '../../ledger/placement.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { takeEvents } from '../events/take.ts'

/** How long a request waits for the turn before it answers with what is known, and how it asks meanwhile. */
const WAIT_MS = 2_000
const FIRST_POLL_MS = 5
const laterPoll = (pollMs: number) => Math.min(2 * pollMs, 160)

/** What the API says of users comes in as everything else does: as a row in the user's order. */
export const originOf = (caller: Caller, source = 'api') => ({
  tenant: caller.tenant,
  source,
  test: caller.mode === 'test',
  decides: true,
})

/** A row about a user; `onceId` null: each counts. */
export function rowAbout(
  user: { tenant: string; id: string; partitions: number },
  kind: Extract<EventKind, 'traits' | 'delete'>,
  data: unknown,
  onceId: string | null = null,
): NewEvent {
  return {
    id: newId('ev'),
    p: partitionOfUser(user.tenant, user.id, user.partitions),
    kind,
    userId: user.id,
    isAnonymous: false,
    type: TYPE_OF[kind],
    data: JSON.stringify(data),
    time: null,
    onceId,
  }
}

/** Commits what is said of users, and has their owners hear it. */
export const tell = (deps: WebDeps, caller: Caller, rows: readonly NewEvent[], source?: string) =>
  takeEvents(deps, originOf(caller, source), rows)

/** Waits until a turn has heard of this row; false where that takes longer than anybody should wait. */
export async function isHeard(deps: WebDeps, { id }: NewEvent, signal: AbortSignal): Promise<boolean> {
  const end = performance.now() + WAIT_MS
  for (let pollMs = FIRST_POLL_MS; performance.now() < end && !signal.aborted; pollMs = laterPoll(pollMs)) {
    await sleep(pollMs)
    if (await isRead(deps.ledger.pool, id)) return true
  }
  return false
}
