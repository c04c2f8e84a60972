import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Whether `signature`, the header X-Signature, is the hex HMAC-SHA1 of the body by `secret`. Of a list Segment signs
 * the first element alone, so it proves nothing about the others: the API key stays necessary. `body` is as it came.
 */
export function isSignedBySegment(body: Buffer, signature: string | undefined, secret: string): boolean {
  // An empty secret is one that was forgotten, and everybody knows it.
  if (secret === '') return false
  if (signature === undefined || !/^[0-9a-f]{40}$/i.test(signature)) return false
  const given = Buffer.from(signature, 'hex')
  const isOf = (text: Buffer | string) =>
    timingSafeEqual(createHmac('sha1', secret).update(text).digest(), given)
  if (isOf(body)) return true
  const first = firstElement(body.toString('utf8'))
  if (first === null) return false
  // As it was written, or as JSON.stringify writes it, should a proxy have changed the spaces.
  return isOf(first) || isOf(rewritten(first))
}

/** The text of the first element of a JSON list that is an object; null for everything else. */
function firstElement(text: string): string | null {
  const start = /^\ufeff?\s*\[\s*(?=\{)/.exec(text)?.[0].length
  if (start === undefined) return null
  let depth = 0
  let isInString = false
  for (let i = start; i < text.length; i++) {
    const char = text[i]
    if (isInString) {
      if (char === '\\') i++
      else if (char === '"') isInString = false
    } else if (char === '"') isInString = true
    else if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) return text.slice(start, i + 1)
  }
  return null
}

function rewritten(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return text
  }
}
