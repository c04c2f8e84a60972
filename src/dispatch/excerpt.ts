import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

/** What is kept of an answer's body, after decompression. */
export const EXCERPT_BYTES = 4_096

/** The first 4 KiB of a body as text; bytes that are not UTF-8 become replacement characters. */
export function plainExcerpt(bytes: Buffer): string {
  // NUL cannot be stored as text by every reader of the log.
  return bytes.subarray(0, EXCERPT_BYTES).toString('utf8').replaceAll('\0', '\uFFFD')
}

/**
 * The same for a compressed body, of which `bytes` may be only the beginning: inflates no more than is kept, whatever
 * the body would grow to. An unknown coding or a broken stream gives what could be read, or a note in brackets.
 */
export function inflatedExcerpt(bytes: Buffer, coding: string): Promise<string> {
  const stream = decoder(coding)
  if (stream === null) return Promise.resolve(`[body in coding ${coding.slice(0, 40)}]`)
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const finish = () => {
      stream.destroy()
      resolve(plainExcerpt(Buffer.concat(chunks)))
    }
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= EXCERPT_BYTES) finish()
    })
    stream.on('end', finish)
    stream.on('error', finish)
    stream.end(bytes)
  })
}

function decoder(coding: string) {
  // A small output chunk bounds what one step can inflate to.
  const options = { chunkSize: EXCERPT_BYTES }
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip(options)
  if (coding === 'deflate') return createInflate(options)
  if (coding === 'br') return createBrotliDecompress(options)
  return null
}
