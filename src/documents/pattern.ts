import { createContext, Script } from 'node:vm'

/** Longest pattern that is accepted. */
export const PATTERN_LENGTH_MAX = 256

/** How long a match may take; the second try is longer, since a busy machine can hold up the first. */
const MATCH_MS_MAX = [20, 100]

/** How long texts of the length that took too long are refused unseen: each would stop the process for as long again. */
const REFUSED_MS = 10_000

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
  let refused = { length: Number.POSITIVE_INFINITY, until: 0 }
  return {
    test(text) {
      if (isSimplePattern && text.length <= SHORT) return regExp.test(text)
      if (text.length >= refused.length && performance.now() < refused.until)
        throw new PatternTimeout(pattern)
      for (const timeoutMs of MATCH_MS_MAX) {
        const isMatch = matchWithin(regExp, text, timeoutMs)
        if (isMatch !== null) return isMatch
      }
      refused = { length: text.length, until: performance.now() + REFUSED_MS }
      throw new PatternTimeout(pattern)
    },
    // ajv keeps one compiled pattern for each text that this gives.
    toString: () => regExp.toString(),
  }
}

const holder = createContext(Object.create(null) as { regExp?: RegExp; text?: string })
const match = new Script('regExp.test(text)')

/** Whether the text matches; null after `timeoutMs`. Only V8's watchdog can stop a match, and only a script can have one. */
function matchWithin(regExp: RegExp, text: string, timeoutMs: number): boolean | null {
  holder.regExp = regExp
  holder.text = text
  try {
    return match.runInContext(holder, { timeout: timeoutMs }) === true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return null
    throw error
  } finally {
    holder.regExp = undefined
    holder.text = undefined
  }
}
