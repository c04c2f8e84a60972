import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Source } from '../connectors/canonical.ts'
import { normalise } from '../connectors/connect.ts'
import { readLine } from '../connectors/decode.ts'
import { VolleyError } from '../errors.ts'
import { newId } from '../ids.ts'
import { eventsOf } from '../ledger/events/canonical-events.ts'
import {
  areTurnsBehind,
  finishImport,
  type ImportBatch,
  type ImportKey,
  type ImportState,
  keepLines,
  openImport,
} from '../ledger/events/imports.ts'
import { countBacklog } from '../ledger/intake/backlog.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { partitionsOfTenant } from '../ledger/placement.ts'
import { type FileLine, type LinesFile, openLines } from './file-lines.ts'

export interface ImportAsked {
  source: Source
  path: string
  /** A uuid. */
  tenant: string
  test: boolean
  /** Whether rules are asked of each event, and actions follow. */
  decides: boolean
  /** From the beginning, although the file was imported before. */
  isRestart: boolean
  /** Of the installation. */
  partitions: number
  /** Where rules are asked: so many actions of the tenant may wait to be sent. */
  backlogMax: number
  /** Ends the import behind the batch that is being kept. */
  signal: AbortSignal
}

/** What somebody who waits is told. */
export interface ImportWatcher {
  /** The import begins behind this line; `bytes` are those of the file. */
  began(state: ImportState, bytes: number): void
  /** A batch was kept; `bytesRead` are of the file. */
  moved(state: ImportState, bytesRead: number): void
  /** A line, from 1, of which something cannot be used. */
  rejected(line: number, reason: string): void
  /** Workers are behind with what was imported, or with the actions that followed, so it waits. */
  waiting(): void
}

/** `done`: to its end; `was-done`: an earlier import was; `stopped`: it goes on with the next import of the file. */
export type ImportEnd = { kind: 'done' | 'was-done' | 'stopped'; state: ImportState }

const BATCH = { lines: 1_000, bytes: 4_000_000 }
/** Live events wait behind what is imported, so workers are never more than a moment behind. */
const UNREAD_MAX = 1_000
const BEHIND_AGAIN_MS = 200

interface NumberedLine extends FileLine {
  number: number
}

/** Imports a file of lines of a vendor's, from where an earlier import of it was cut off. */
export async function importFile(
  ledger: Ledger,
  asked: ImportAsked,
  watcher: ImportWatcher,
): Promise<ImportEnd> {
  const { source, path, tenant, test, decides } = asked
  const file = await openLines(path)
  const { fingerprint } = file
  const key: ImportKey = { origin: { tenant, source, test, decides }, fingerprint, file: basename(path) }
  let state = await openImport(ledger.pool, key, asked.isRestart)
  if (state.doneAt !== null) return { kind: 'was-done', state }
  watcher.began(state, file.bytes)
  for await (const lines of batchesOf(file, state.lines)) {
    await untilThereIsRoom(ledger, asked, watcher)
    if (asked.signal.aborted) return { kind: 'stopped', state }
    const batch = batchOf(lines, asked, watcher)
    refuseAnother(state, batch, asked)
    state = await keepLines(ledger.pool, key, state, batch)
    watcher.moved(state, file.read())
  }
  await finishImport(ledger.pool, key)
  return { kind: 'done', state }
}

async function* batchesOf(file: LinesFile, from: number): AsyncGenerator<NumberedLine[]> {
  let batch: NumberedLine[] = []
  let bytes = 0
  let number = 0
  for await (const line of file.lines()) {
    if (++number <= from) continue
    batch.push({ ...line, number })
    bytes += line.text?.length ?? 0
    if (batch.length < BATCH.lines && bytes < BATCH.bytes) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

function batchOf(lines: readonly NumberedLine[], asked: ImportAsked, watcher: ImportWatcher): ImportBatch {
  const { source, tenant, partitions } = asked
  const said = lines.filter(({ text }) => text === null || text.trim() !== '')
  const document = {
    kind: 'lines' as const,
    lines: said.map(({ text }) =>
      text === null
        ? ({ kind: 'not-json', reason: 'is longer than a line may be' } as const)
        : readLine(text),
    ),
  }
  const arrival = { receivedAt: Date.now(), isLive: false }
  const read = normalise(source, document, { query: {}, arrival })
  if (read.kind === 'refused') throw new VolleyError(read.code, read.message)
  // The first part of where is the line of this batch.
  for (const { index, where, reason } of read.rejected)
    watcher.rejected(said[index]!.number, `${where.replace(/^\/\d+/, '')} ${reason}`.trim())
  return {
    rows: eventsOf(read.items, { tenant, partitions, newId: () => newId('ev') }),
    lines: lines.length,
    skipped: read.skipped,
    rejected: read.rejected.length,
  }
}

/** A file of which the beginning says nothing is more likely the wrong file than one with a thousand mistakes. */
function refuseAnother({ lines }: ImportState, { rows, skipped, rejected }: ImportBatch, asked: ImportAsked) {
  if (lines > 0 || rejected === 0 || rows.length > 0 || skipped > 0) return
  throw new VolleyError(
    'config_invalid',
    `${asked.path}: none of its first lines can be used; one JSON object of ${asked.source} a line was expected.`,
  )
}

async function untilThereIsRoom(ledger: Ledger, asked: ImportAsked, watcher: ImportWatcher): Promise<void> {
  while (!asked.signal.aborted && (await isFull(ledger, asked))) {
    watcher.waiting()
    await sleep(BEHIND_AGAIN_MS, undefined, { signal: asked.signal }).catch(() => undefined)
  }
}

async function isFull({ pool }: Ledger, asked: ImportAsked): Promise<boolean> {
  const { tenant, partitions, decides, test, backlogMax: limit } = asked
  if (await areTurnsBehind(pool, partitionsOfTenant(tenant, partitions), UNREAD_MAX)) return true
  return decides && !test && (await countBacklog(pool, tenant, { partitions, limit })) >= limit
}
