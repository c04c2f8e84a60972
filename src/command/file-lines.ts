import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { VolleyError } from '../errors.ts'

/** A line of a file; `text` is null where it is longer than a line may be. */
export interface FileLine {
  text: string | null
}

/** A file of lines that is read once, from its beginning. */
export interface LinesFile {
  bytes: number
  /** The same for the same contents, as far as its size, its first and its last megabyte tell. */
  fingerprint: string
  /** How many of its bytes were read. */
  read(): number
  lines(): AsyncGenerator<FileLine>
}

const SAMPLE_BYTES = 1_000_000
const LINE_BYTES_MAX = 4_000_000
const LF = 0x0a

/** Opens a file of lines, gzip or not; throws `config_invalid` where it cannot be read or is no file of lines. */
export async function openLines(path: string): Promise<LinesFile> {
  const { bytes, fingerprint, isGzip } = await looked(path)
  const source = () => createReadStream(path, { highWaterMark: 256 * 1024 })
  let input: ReturnType<typeof source> | undefined
  return {
    bytes,
    fingerprint,
    read: () => input?.bytesRead ?? 0,
    async *lines() {
      input = source()
      // An error of the one ends the other, whose reader hears of it.
      const chunks = isGzip ? pipeline(input, createGunzip(), () => undefined) : input
      try {
        yield* linesIn(chunks)
      } catch (error) {
        const { code, message } = error as { code?: string; message: string }
        if (code?.startsWith('Z_')) throw unreadable(path, `its gzip is cut off or damaged (${message})`)
        throw unreadable(path, message)
      }
    },
  }
}

async function looked(path: string): Promise<{ bytes: number; fingerprint: string; isGzip: boolean }> {
  try {
    const { size } = await stat(path)
    const file = await open(path)
    try {
      const head = Buffer.alloc(Math.min(SAMPLE_BYTES, size))
      await file.read(head, 0, head.length, 0)
      const tail = Buffer.alloc(Math.min(SAMPLE_BYTES, size))
      await file.read(tail, 0, tail.length, size - tail.length)
      const hash = createHash('sha256').update(String(size)).update('\0').update(head).update(tail)
      return { bytes: size, fingerprint: hash.digest('hex'), isGzip: head[0] === 0x1f && head[1] === 0x8b }
    } finally {
      await file.close()
    }
  } catch (error) {
    throw unreadable(path, (error as Error).message)
  }
}

const unreadable = (path: string, why: string) =>
  new VolleyError('config_invalid', `${path} cannot be read: ${why}`)

/** Lines without their ends; an empty one after the last end is none. */
async function* linesIn(chunks: AsyncIterable<Buffer>): AsyncGenerator<FileLine> {
  let parts: Buffer[] = []
  let length = 0
  const add = (part: Buffer) => {
    length += part.length
    // What is too long is only counted.
    if (length > LINE_BYTES_MAX) parts = []
    else parts.push(part)
  }
  const take = (): FileLine => {
    const line = { text: length > LINE_BYTES_MAX ? null : Buffer.concat(parts).toString('utf8') }
    parts = []
    length = 0
    return line
  }
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      add(chunk.subarray(start, end))
      yield take()
      start = end + 1
    }
    add(chunk.subarray(start))
  }
  if (length > 0) yield take()
}
