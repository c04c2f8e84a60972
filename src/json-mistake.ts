type Expected = 'value' | 'value or ]' | 'name' | 'name or }' | 'colon' | 'comma or end' | 'nothing'

const LITERAL = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)/y

/**
 * Index of the first character that cannot stand where it does in a JSON text; the length where the text merely ends
 * too early. The parser of the engine names no place for most mistakes. Linear and without recursion.
 */
export function jsonMistakeAt(text: string): number {
  const open: ('{' | '[')[] = []
  let expected: Expected = 'value'
  let i = 0
  for (;;) {
    while (isSpace(text.charCodeAt(i))) i++
    const char = text[i]
    if (char === undefined) return i
    const end = tokenEnd(text, i, char)
    const next: Expected | null = end === null ? null : follow(char, expected, open)
    if (next === null) return i
    // A string that is not closed, or holds what it must not, is wrong at that place and not at its beginning.
    if (end! < 0) return -end!
    expected = next
    i = end!
  }
}

const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

/** Index past the token; negative, the index of what is wrong inside a string; null where no token begins. */
function tokenEnd(text: string, start: number, char: string): number | null {
  if ('{}[]:,'.includes(char)) return start + 1
  if (char === '"') return stringEnd(text, start + 1)
  LITERAL.lastIndex = start
  return LITERAL.test(text) ? LITERAL.lastIndex : null
}

function stringEnd(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) return i + 1
    if (code < 0x20) return -i
    if (code !== 0x5c) continue
    if (text[i + 1] !== 'u' ? !/^["\\/bfnrt]$/.test(text[i + 1] ?? '') : !isHex4(text, i + 2)) return -i
    i++
  }
  return -text.length
}

const isHex4 = (text: string, from: number) => /^[0-9a-fA-F]{4}$/.test(text.slice(from, from + 4))

/** What may follow a token; null where the token itself was not expected. Keeps account of what is open. */
function follow(char: string, expected: Expected, open: ('{' | '[')[]): Expected | null {
  const isValue = expected === 'value' || expected === 'value or ]'
  const afterValue = () => (open.length === 0 ? 'nothing' : 'comma or end')
  switch (char) {
    case '{':
    case '[':
      if (!isValue) return null
      open.push(char)
      return char === '{' ? 'name or }' : 'value or ]'
    case '}':
      if ((expected !== 'name or }' && expected !== 'comma or end') || open.pop() !== '{') return null
      return afterValue()
    case ']':
      if ((expected !== 'value or ]' && expected !== 'comma or end') || open.pop() !== '[') return null
      return afterValue()
    case ':':
      return expected === 'colon' ? 'value' : null
    case ',':
      if (expected !== 'comma or end') return null
      return open.at(-1) === '{' ? 'name' : 'value'
    case '"':
      if (expected === 'name' || expected === 'name or }') return 'colon'
      return isValue ? afterValue() : null
    default:
      return isValue ? afterValue() : null
  }
}

/** Where an index of a text is, for a person: `line 3, column 13`. */
export function placeIn(text: string, index: number): string {
  const before = text.slice(0, index).split('\n')
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
}
