const INFIX = new Set([
  '==',
  '===',
  '!=',
  '!==',
  '>',
  '>=',
  '<',
  '<=',
  '+',
  '-',
  '*',
  '/',
  '%',
  'and',
  'or',
  'in',
  '??',
])

/** JSON-logic as a person would write it down: `event.data.total (else 0) >= 100`. */
export function inWords(node: unknown, isInner = false): string {
  if (Array.isArray(node)) return `[${node.map((part) => inWords(part)).join(', ')}]`
  if (typeof node !== 'object' || node === null) return JSON.stringify(node)
  const [operator = '', value] = Object.entries(node)[0] ?? []
  const args: unknown[] = Array.isArray(value) ? value : [value]
  if (operator === 'var') return path(args)
  if (operator === '!' || operator === '!!')
    return `${operator === '!' ? 'not' : 'there is'} ${inWords(args[0], true)}`
  if (operator === 'if' || operator === '?:') return choice(args)
  if (!INFIX.has(operator) || args.length < 2)
    return `${operator}(${args.map((arg) => inWords(arg)).join(', ')})`
  const text = args.map((arg) => inWords(arg, true)).join(` ${operator} `)
  return isInner ? `(${text})` : text
}

function path([name, otherwise]: readonly unknown[]): string {
  const shown = typeof name === 'string' ? name || 'all of it' : `value at ${inWords(name)}`
  return otherwise === undefined ? shown : `${shown} (else ${inWords(otherwise)})`
}

function choice(args: readonly unknown[]): string {
  const parts: string[] = []
  for (let i = 0; i + 1 < args.length; i += 2)
    parts.push(`if ${inWords(args[i])} then ${inWords(args[i + 1], true)}`)
  if (args.length % 2 === 1) parts.push(inWords(args.at(-1), true))
  return parts.join(' else ')
}
