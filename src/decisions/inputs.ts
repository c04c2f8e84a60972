import { hash } from 'node:crypto'

/** What rules saw, as it is kept: a digest by which equal inputs are known, and the data, or as much of it as is kept. */
export interface Inputs {
  digest: string
  data: unknown
  /** JSON Pointers of the parts that were too large to keep; left out where there are none. */
  cut?: string[]
}

/** Characters of JSON: many times what a user with the usual traits comes to. */
const CHARACTERS_MAX = 16 * 1024

/** What is kept of what rules saw; the digest is of all of it. */
export function inputsOf(data: object): Inputs {
  const text = JSON.stringify(data)
  const digest = hash('sha256', text, 'hex')
  return text.length <= CHARACTERS_MAX ? { digest, data } : { digest, ...withoutLargest(data, text.length) }
}

/** The same without its largest parts, two steps down: traits go as a whole, and so does what an event says. */
function withoutLargest(data: object, length: number): Pick<Inputs, 'data' | 'cut'> {
  const parts = Object.entries(data).flatMap(([name, part]) =>
    isObject(part) ? Object.entries(part).map(([inner, value]) => partOf([name, inner], value)) : [],
  )
  parts.sort((a, b) => b.length - a.length)
  const cut = new Map<string, Set<string>>()
  const pointers: string[] = []
  let left = length
  for (const { path, length: its } of parts) {
    if (left <= CHARACTERS_MAX) break
    left -= its
    pointers.push(`/${path.map(escaped).join('/')}`)
    cut.set(path[0], (cut.get(path[0]) ?? new Set()).add(path[1]))
  }
  const kept = Object.entries(data).map(([name, part]) => {
    const gone = cut.get(name)
    if (gone === undefined) return [name, part]
    return [name, Object.fromEntries(Object.entries(part as object).filter(([inner]) => !gone.has(inner)))]
  })
  return { data: Object.fromEntries(kept), cut: pointers.slice(0, POINTERS_MAX) }
}

/** Of a thousand small parts it is enough to say that there were many. */
const POINTERS_MAX = 50

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const partOf = (path: [string, string], value: unknown) => ({
  path,
  length: (JSON.stringify(value)?.length ?? 0) + path[1].length + 4,
})

const escaped = (name: string) => name.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1')
