import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import type { Refused } from './canonical.ts'

/** A refusal of a whole body. */
export function refused(code: Refused['code'], message: string): Refused {
  return { kind: 'refused', code, message }
}

/**
 * The bytes as they were before `coding`, a Content-Encoding, null for none; a body that is gzip without saying so, as
 * browsers send it, is inflated too. Inflating stops at `limitBytes`.
 */
export function inflate(body: Buffer, coding: string | null, limitBytes: number): Buffer | Refused {
  const named = (coding ?? 'identity').trim().toLowerCase()
  const outer = named === 'identity' || named === '' ? body : inflated(body, named, limitBytes)
  if (!Buffer.isBuffer(outer)) return outer
  const bytes = isGzip(outer) ? inflated(outer, 'gzip', limitBytes) : outer
  return Buffer.isBuffer(bytes) && bytes.length > limitBytes ? tooLarge(limitBytes) : bytes
}

/** Whether the bytes begin as gzip does, and no text. */
export const isGzip = (bytes: Buffer) => bytes[0] === 0x1f && bytes[1] === 0x8b

function inflated(body: Buffer, coding: string, limitBytes: number): Buffer | Refused {
  const decompress = decompressor(coding)
  if (decompress === null)
    return refused(
      'unsupported_media_type',
      `Content-Encoding ${coding.slice(0, 40)} is not known; use gzip, deflate or br.`,
    )
  try {
    return decompress(body, { maxOutputLength: limitBytes })
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(limitBytes)
    return refused('malformed_json', `The body is not valid ${coding}.`)
  }
}

function decompressor(coding: string) {
  if (coding === 'gzip' || coding === 'x-gzip') return gunzipSync
  if (coding === 'deflate') return inflateSync
  if (coding === 'br') return brotliDecompressSync
  return null
}

function tooLarge(limitBytes: number): Refused {
  return refused('body_too_large', `The body is larger than ${limitBytes} bytes once it is inflated.`)
}
