import { dataOf, asked as rulesAsked, tried } from '../decisions/try-rules.ts'
import type { RuleCaseGiven } from '../documents/cases.ts'
import { type Budget, compileLogic, fullBudget, LogicError, read } from '../documents/evaluate.ts'
import { didYouMean } from '../documents/nearest.ts'
import { pathsIn } from '../documents/never-applies.ts'
import type { RuleBook, RuleDocument, WrittenRule } from '../documents/rule-book.ts'
import { VolleyError } from '../errors.ts'
import { inWords } from './logic-in-words.ts'

/** What is asked of `volley rules try`. */
export interface Trial {
  userId: string
  /** All where it is null. */
  domain: string | null
  given: RuleCaseGiven
}

/** Every rule, what it says and why, as lines for a terminal. Throws where the domain is not there. */
export function tryRules(book: RuleBook, { userId, domain, given }: Trial): string[] {
  const documents = book.documents.filter((document) => domain === null || document.domain === domain)
  if (documents.length === 0) {
    const known = book.documents.map((document) => document.domain)
    throw new VolleyError(
      'config_invalid',
      `--domain ${domain}: expected one of ${known.join(', ')}${didYouMean(domain ?? '', known)}`,
    )
  }
  return documents.flatMap((document) => ['', ...triedDocument(document, { userId, given })]).slice(1)
}

function triedDocument(document: RuleDocument, { userId, given }: Omit<Trial, 'domain'>): string[] {
  const { recommendation, alternatives, considered } = tried(document.rules, given, userId)
  const offered = [recommendation, ...alternatives].flatMap((offer) => (offer === null ? [] : [offer]))
  const isAsked = new Set(rulesAsked(document.rules, given).map(({ name }) => name))
  const data = dataOf(given, userId)
  const conclusion =
    recommendation === null
      ? 'nothing is recommended'
      : `${recommendation.rule} wins: ${recommendation.action} ${JSON.stringify(recommendation.parameters)}`
  return [
    `${document.domain} (${document.file}): ${conclusion}`,
    ...document.written.rules.flatMap((rule) => {
      if (!isAsked.has(rule.name))
        return [
          '',
          head(
            '·',
            rule,
            `not asked: waits for ${rule.on.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join(', ') || 'recommend alone'}`,
          ),
        ]
      const said = considered.find((each) => each.rule === rule.name)
      const place = offered.findIndex((offer) => offer.rule === rule.name)
      const offer = offered[place]
      const verdict = verdictOf(said?.said, place, offered[0]?.rule)
      const reasons = said?.said === 'not_available' ? [] : clauses(rule.when, data)
      return [
        '',
        head(said?.said === 'offers' ? '✔' : '✗', rule, verdict),
        ...reasons.map((line) => `      ${line}`),
        ...(said?.error === undefined ? [] : [`      failed: ${said.error}`]),
        ...(offer === undefined
          ? []
          : [`      ${JSON.stringify(offer.parameters)}`, `      “${offer.reasoning}”`]),
      ]
    }),
  ]
}

const head = (mark: string, { name, action, confidence }: WrittenRule, verdict: string): string =>
  `  ${mark} ${name.padEnd(28)} ${action.padEnd(18)} ${confidence.toFixed(2)}  ${verdict}`

function verdictOf(said: string | undefined, place: number, winner: string | undefined): string {
  switch (said) {
    case 'offers':
      if (place === 0) return 'wins'
      return place > 0 ? `alternative ${place}, behind ${winner}` : 'a better rule offers the same action'
    case 'not_available':
      return 'its action is not available'
    case 'error':
      return 'failed'
    default:
      return 'does not apply'
  }
}

/** Each part of a condition with what it came to, and the facts it looked at. */
function clauses(when: unknown, data: unknown): string[] {
  const parts = conjuncts(when)
  return parts.map((part) => {
    const facts = [...new Set(pathsIn(part))].filter((path) => path !== '?' && path !== '')
    const shown = facts.map((path) => `${path} is ${shortly(read(data, path))}`)
    return `${markOf(part, data)} ${inWords(part)}${shown.length === 0 ? '' : `    (${shown.join(', ')})`}`
  })
}

function conjuncts(when: unknown): unknown[] {
  const parts = (when as { and?: unknown } | null)?.and
  return Array.isArray(parts) && Object.keys(when as object).length === 1 ? parts.flatMap(conjuncts) : [when]
}

function markOf(part: unknown, data: unknown): string {
  const budget: Budget = fullBudget()
  try {
    const value = compileLogic({ '!!': [part] }, '')(data, budget)
    return value === true ? 'yes ' : 'no  '
  } catch (error) {
    if (error instanceof LogicError) return 'fails'
    throw error
  }
}

function shortly(fact: unknown): string {
  if (fact === undefined) return 'not known'
  const text = JSON.stringify(fact)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
