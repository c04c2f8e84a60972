type Expected = 'value' | 'value or ]' | 'name' | 'name or }' | 'colon' | 'comma or end' | 'nothing'

const LITERAL = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)/y

/** What is wrong with a text that is no JSON: where, and what was expected there. */
export interface JsonMistake {
  /** Index of the first character that cannot stand where it does; the length where the text merely ends too early. */
  at: number
  message: string
}

/** Index of the first mistake in a JSON text. */
export const jsonMistakeAt = (text: string): number => jsonMistake(text).at

/**
 * The first mistake in a JSON text. The parser of the engine names no place for most mistakes. Linear and without
 * recursion.
 */
export function jsonMistake(text: string): JsonMistake {
  const open: ('{' | '[')[] = []
  let expected: Expected = 'value'
  let i = 0
  for (;;) {
    while (isSpace(text.charCodeAt(i))) i++
    const char = text[i]
    if (char === undefined)
      return { at: i, message: `expected ${inWords(expected, open)}, but the text ends` }
    const end = tokenEnd(text, i, char)
    const next: Expected | null = end === null ? null : follow(char, expected, open)
    if (next === null) return { at: i, message: unexpected(text, i, expected, open) }
    // A string that is not closed, or holds what it must not, is wrong at that place and not at its beginning.
    if (end! < 0) return { at: -end!, message: inString(text, -end!) }
    expected = next
    i = end!
  }
}

function inWords(expected: Expected, open: readonly ('{' | '[')[]): string {
  switch (expected) {
    case 'value':
      return 'a value'
    case 'value or ]':
      return 'a value or "]"'
    case 'name':
      return 'a name in double quotes'
    case 'name or }':
      return 'a name in double quotes or "}"'
    case 'colon':
      return '":"'
    case 'comma or end':
      return open.at(-1) === '{' ? '"," or "}"' : '"," or "]"'
    case 'nothing':
      return 'nothing more'
    default:
      return expected satisfies never
  }
}

function unexpected(text: string, at: number, expected: Expected, open: readonly ('{' | '[')[]): string {
  const word = /^[\w.+-]{2,20}/.exec(text.slice(at, at + 20))?.[0]
  const found = word ?? String.fromCodePoint(text.codePointAt(at)!)
  const said = `expected ${inWords(expected, open)}, found ${JSON.stringify(found)}`
  if (/^\/[/*]/.test(text.slice(at, at + 2)) || found === '#') return `${said}: JSON has no comments`
  if (found === "'") return `${said}: names and texts stand in double quotes`
  const isAfterComma = (expected === 'name' && found === '}') || (expected === 'value' && found === ']')
  return isAfterComma ? `${said}: the comma before it is one too many` : said
}

function inString(text: string, at: number): string {
  const char = text[at]
  if (char === undefined) return 'a text is not closed by a double quote before the end'
  if (char === '\n' || char === '\r') return 'a text is not closed by a double quote on its line'
  return char === '\\'
    ? `${JSON.stringify(text.slice(at, at + 2))} is no escape that JSON knows`
    : 'a control character must be written as an escape such as "\\t"'
}

/** The first name that stands twice in one object of a valid JSON text, and where the second is; null where none does. */
export function repeatedName(text: string): { at: number; name: string } | null {
  const open: (Set<string> | null)[] = []
  let isName = false
  for (let i = 0; i < text.length; ) {
    const char = text[i]!
    if (isSpace(text.charCodeAt(i))) {
      i++
      continue
    }
    const end = tokenEnd(text, i, char)
    if (end === null || end < 0) return null
    if (char === '{' || char === '[') open.push(char === '{' ? new Set() : null)
    else if (char === '}' || char === ']') open.pop()
    else if (char === '"' && isName) {
      const name = JSON.parse(text.slice(i, end)) as string
      const names = open.at(-1)!
      if (names.has(name)) return { at: i, name }
      names.add(name)
    }
    isName = char === '{' || (char === ',' && open.at(-1) instanceof Set)
    i = end
  }
  return null
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
