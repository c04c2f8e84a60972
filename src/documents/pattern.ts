import { createContext, Script } from 'node:vm'

/** Longest pattern that is accepted. */
export const PATTERN_LENGTH_MAX = 256

/** How long one match may take; a match that takes longer ends as refused. */
const MATCH_MS_MAX = 20

/** Texts this short are matched at once where the pattern is simple: its worst is then their square. */
const SHORT = 1_000

/** A match took too long: the pattern backtracks catastrophically on this text. */
export class PatternTimeout extends Error {}

/** Whether a pattern offers at most one choice (a repetition or an alternative): without a second, none multiplies. */
function isSimple(pattern: string): boolean {
  const bare = pattern
    .replace(/\\./gs, 'x')
    .replace(/\[[^\]]*\]/g, 'x')
    .replace(/\(\?(<[^>=!]+>|:)/g, '(')
  return (bare.match(/[*+{?|]/g)?.length ?? 0) <= 1
}

export interface LimitedPattern {
  test(text: string): boolean
  toString(): string
}

/**
 * A regular expression whose matches are limited in time, because a tenant writes the pattern and anybody the text:
 * `(a+)+$` needs minutes for forty letters. Throws SyntaxError where the pattern is none, PatternTimeout from `test`.
 */
export function limitedPattern(pattern: string, flags: string): LimitedPattern {
  const regExp = new RegExp(pattern, flags)
  const isSimplePattern = isSimple(pattern)
  let refusedLength = Number.POSITIVE_INFINITY
  return {
    test(text) {
      if (isSimplePattern && text.length <= SHORT) return regExp.test(text)
      // Once was enough: the next text of this length would stop the process for as long again.
      if (text.length >= refusedLength) throw new PatternTimeout(pattern)
      try {
        return matchWithin(regExp, text)
      } catch (error) {
        refusedLength = text.length
        throw error
      }
    },
    // ajv keeps one compiled pattern for each text that this gives.
    toString: () => regExp.toString(),
  }
}

const holder = createContext(Object.create(null) as { regExp?: RegExp; text?: string })
const match = new Script('regExp.test(text)')

/** Only V8's watchdog can stop a match, and only a script can be given one. */
function matchWithin(regExp: RegExp, text: string): boolean {
  holder.regExp = regExp
  holder.text = text
  try {
    return match.runInContext(holder, { timeout: MATCH_MS_MAX }) === true
  } catch (cause) {
    throw new PatternTimeout(regExp.source, { cause })
  } finally {
    holder.regExp = undefined
    holder.text = undefined
  }
}
