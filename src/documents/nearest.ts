/** Words that differ in more letters than this were hardly meant. */
const EDITS_MAX = 2

/** The known word that a misspelt one is nearest to, or of which it is the beginning; null where none is near. */
export function nearestWord(word: string, known: Iterable<string>): string | null {
  // Nobody misspells a page.
  if (word.length > 64) return null
  const words = [...known]
  let best: string | null = null
  // In a short word two other letters are another word.
  let least = (word.length < 2 ? 0 : word.length < 5 ? 1 : EDITS_MAX) + 1
  for (const candidate of words) {
    const edits = edited(word.toLowerCase(), candidate.toLowerCase())
    if (edits < least) [best, least] = [candidate, edits]
  }
  return best ?? completed(word, words)
}

/** `inactive` as `inactive_for`; null where it begins none, or several. */
function completed(word: string, known: readonly string[]): string | null {
  if (word.length < 4) return null
  const [only, ...others] = known.filter((each) => each.toLowerCase().startsWith(`${word.toLowerCase()}_`))
  return only === undefined || others.length > 0 ? null : only
}

/** Letters to add, drop, change or swap with the next one (optimal string alignment). */
function edited(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, changed, isSwap ? before[j - 2]! + 1 : changed)
    }
    before = last
    last = row
  }
  return last[b.length]!
}

/** A word as it is shown, in quotes. */
export const quoted = (word: string): string => JSON.stringify(word)

/** `; did you mean "…"?` where a known word is near, else nothing. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const near = nearestWord(word, known)
  return near === null ? '' : `; did you mean ${quoted(near)}?`
}
