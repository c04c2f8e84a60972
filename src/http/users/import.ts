import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import Type from 'typebox'
import { VolleyError } from '../../errors.ts'
import type { NewEvent } from '../../ledger/events/accept-events.ts'
import type { Caller, WebDeps } from '../deps.ts'
import { asVolleyError } from '../failures.ts'
import { mistakesOf } from '../mistakes.ts'
import type { Incoming } from '../route.ts'
import { route } from '../route.ts'
import { readChange, UserChange } from './change.ts'
import { type Columns, readHeader, readRow } from './csv-columns.ts'
import { recordsOf } from './csv-records.ts'
import { rowAbout, tell } from './tell.ts'

const BYTES_MAX = 64 * 1024 * 1024
/** Rows that share a commit: what a repeat of the file would do again at most is found to be there. */
const ROWS_A_COMMIT = 1_000
/** Rows with a mistake that are listed; all are counted. */
const LISTED_MAX = 100

const ImportAnswer = Type.Object({
  import_id: Type.String({ description: 'The same for the same file.' }),
  rows: Type.Integer({ description: 'Rows that were looked at, the header not among them.' }),
  accepted: Type.Integer(),
  duplicates: Type.Integer({ description: 'Rows of this very file that were taken before.' }),
  rejected: Type.Integer(),
  mistakes: Type.Array(Type.Object({ row: Type.Integer(), message: Type.String() }), {
    description: 'The first 100 rows that were not taken, from 1.',
  }),
  complete: Type.Boolean({ description: 'False: what follows the last row looked at cannot be read.' }),
})

interface Progress {
  rows: number
  accepted: number
  duplicates: number
  rejected: number
  mistakes: { row: number; message: string }[]
}

export const postImport = route({
  method: 'POST',
  path: '/api/users/import',
  summary: 'Say what is known of many users, as a CSV file',
  description:
    'text/csv with a header: `user_id`, and beside it `timezone`, `locale`, `consent.channels.NAME`, `consent.actions.NAME`, `suppression.channels.NAME`, `suppression.actions.NAME`; any other column is a trait, `NAME:number`, `NAME:boolean` or `NAME:json` where it is no text. Empty cells say nothing. Rows are taken in their order, a thousand at a time; to go on after a failure, send the same file again within a week: what was taken counts once.',
  auth: 'vendor',
  body: Type.Unknown(),
  answers: { 200: ImportAnswer },
  errors: ['invalid_body', 'body_too_large', 'unsupported_media_type'],
  async handler({ incoming, deps, signal }) {
    const caller = await incoming.caller()
    if (caller === null)
      throw new VolleyError('unauthorized', 'Send the API key as "Authorization: Bearer rt_live_…".')
    const bytes = await csvOf(incoming)
    const id = createHash('sha256').update(bytes).digest('hex').slice(0, 32)
    const progress: Progress = { rows: 0, accepted: 0, duplicates: 0, rejected: 0, mistakes: [] }
    const complete = await takeFile({ deps, caller, id, signal }, bytes, progress)
    return { status: 200, body: { import_id: id, ...progress, complete } }
  },
})

async function csvOf(incoming: Incoming): Promise<Buffer> {
  const media = incoming.contentType?.split(';')[0]?.trim().toLowerCase()
  if (media !== 'text/csv' || (incoming.contentEncoding ?? 'identity') !== 'identity')
    throw new VolleyError(
      'unsupported_media_type',
      'The body must be text/csv in UTF-8, without Content-Encoding.',
    )
  const bytes = await incoming.bytes(BYTES_MAX)
  if (!isUtf8(bytes))
    throw new VolleyError('invalid_body', 'The file is not valid UTF-8.', {
      details: [{ path: '', message: 'must be UTF-8' }],
    })
  return bytes
}

interface Import {
  deps: WebDeps
  caller: Caller
  /** By which its rows are known when they come again. */
  id: string
  signal: AbortSignal
}

/** Takes row after row; false where the file cannot be read to its end. */
async function takeFile(from: Import, bytes: Buffer, progress: Progress): Promise<boolean> {
  let columns: Columns | null = null
  const waiting: NewEvent[] = []
  let isBroken = false
  for await (const record of recordsOf(bytes)) {
    if (record.kind === 'broken') {
      isBroken = true
      progress.mistakes.push({ row: progress.rows + 1, message: `cannot be read: ${record.message}` })
    } else if (columns === null) {
      columns = readHeader(record.cells)
    } else {
      progress.rows++
      const event = eventOf(from, columns, record.cells, progress)
      if (event !== null) waiting.push(event)
    }
    // Where nobody waits for the answer any more, the same file goes on from here.
    if (from.signal.aborted) return false
    if (waiting.length === ROWS_A_COMMIT) await take(from, waiting.splice(0), progress)
  }
  if (columns === null && !isBroken) readHeader([])
  await take(from, waiting, progress)
  return !isBroken
}

/** Commits rows and counts which of them are new. Throws `unavailable` with how far the file came. */
async function take({ deps, caller }: Import, rows: readonly NewEvent[], progress: Progress): Promise<void> {
  if (rows.length === 0) return
  try {
    const fresh = await tell(deps, caller, rows, 'csv')
    progress.accepted += fresh.length
    progress.duplicates += rows.length - fresh.length
  } catch (cause) {
    if (asVolleyError(cause).code !== 'unavailable') throw cause
    const done = progress.accepted + progress.duplicates
    const message = `${done} rows are taken; send the same file again to go on.`
    throw new VolleyError('unavailable', message, { cause })
  }
}

/** The row as it is kept; null where it says nothing that can be used, which is noted. */
function eventOf(
  { deps, caller, id }: Import,
  columns: Columns,
  cells: readonly string[],
  progress: Progress,
): NewEvent | null {
  const row = readRow(columns, cells)
  const reject = (message: string) => {
    progress.rejected++
    if (progress.mistakes.length < LISTED_MAX) progress.mistakes.push({ row: progress.rows, message })
    return null
  }
  if (row.kind === 'mistake') return reject(row.message)
  const shape = mistakesOf(UserChange, row.change)
  const { change, mistakes } = shape.length > 0 ? { change: {}, mistakes: shape } : readChange(row.change)
  const [first] = mistakes
  if (first !== undefined) return reject(`${first.path} ${first.message}`)
  const user = { tenant: caller.tenant, id: row.id, partitions: deps.config.partitions }
  return rowAbout(user, 'traits', change, `${id}:${progress.rows}`)
}
