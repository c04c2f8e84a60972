import { resolve } from 'node:path'
import { type Evaluation, type Other, Replay } from '../decisions/evaluate-recorded.ts'
import type { Strategy } from '../decisions/strategy.ts'
import { didYouMean } from '../documents/nearest.ts'
import { compilePolicy } from '../documents/policy.ts'
import { loadRuleDocument, loadRules, type RuleDocument } from '../documents/rule-book.ts'
import { durationMs } from '../duration.ts'
import { VolleyError } from '../errors.ts'
import { recordedDecisions } from '../ledger/decisions/recorded-decisions.ts'
import { listDocuments } from '../ledger/rules/rule-documents.ts'
import { readSending } from '../ledger/tenants/sending.ts'
import { evaluationLines } from './show-evaluation.ts'

/** The options of `volley decisions evaluate`, as they are written. */
export interface EvaluateOptions {
  tenant: string
  domain: string
  document?: string
  strategy?: Strategy
  since: string
  json?: boolean
}

type Pool = Parameters<typeof recordedDecisions>[0]

/** What `volley decisions evaluate` shows. Throws where the tenant, the domain or the document is not there. */
export async function linesOfEvaluation(
  pool: Pool,
  rulesDir: string,
  options: EvaluateOptions,
): Promise<string[]> {
  const sinceMs = durationMs(options.since)
  if (sinceMs === null || sinceMs === 0)
    throw new VolleyError(
      'config_invalid',
      `--since ${options.since}: expected a duration such as 30d or 12h`,
    )
  const other = otherOf(rulesDir, options)
  const found = await readSending(pool, { slug: options.tenant })
  if (found === null) throw new VolleyError('not_found', `No tenant is called ${options.tenant}.`)
  const until = Date.now()
  const asked = { tenant: found.tenant, domain: options.domain, since: until - sinceMs, until }
  const replay = new Replay(other)
  for await (const decision of recordedDecisions(pool, asked)) replay.add(decision)
  const evaluation = replay.result()
  if (Object.values(evaluation.counted).every((count) => count === 0))
    await refuseUnknown(pool, rulesDir, { ...options, id: found.tenant })
  return options.json === true
    ? [JSON.stringify(jsonOf(evaluation), null, 2)]
    : evaluationLines(evaluation, options)
}

/** Without a decision a domain may be a slip of the pen; one that a document is about has none yet. */
async function refuseUnknown(
  pool: Pool,
  rulesDir: string,
  { domain, since, tenant, id }: EvaluateOptions & { id: string },
): Promise<void> {
  const own = await listDocuments(pool, id)
  const known = [
    ...loadRules(rulesDir).documents.map((document) => document.domain),
    ...own.flatMap(({ kind, name }) => (kind === 'recommendations' ? [name] : [])),
  ]
  if (known.includes(domain)) return
  throw new VolleyError(
    'config_invalid',
    `--domain ${domain}: ${tenant} has no decision of the last ${since} in it, and no document is about it${didYouMean(domain, known)}`,
  )
}

/** What is compared with: a document, or the same offers with another strategy. */
function otherOf(rulesDir: string, { document: path, domain, strategy }: EvaluateOptions): Other {
  if (path === undefined) {
    if (strategy === undefined)
      throw new VolleyError(
        'config_invalid',
        'volley decisions evaluate: expected --document <file> or --strategy <name> to compare with',
      )
    // How much its author weighs is that of the file in force, where there is one.
    const inForce = loadRules(rulesDir).documents.find((document) => document.domain === domain)
    const { learning } = inForce?.policy ?? compilePolicy({})
    return { domain, rules: null, learning, strategy }
  }
  const document = documentAt(rulesDir, path, domain)
  const { learning } = document.policy
  return { domain, rules: document.rules, learning, strategy: strategy ?? learning.strategy }
}

function documentAt(rulesDir: string, path: string, domain: string): RuleDocument {
  const document = loadRuleDocument(rulesDir, resolve(path))
  if (document.domain === domain) return document
  throw new VolleyError(
    'config_invalid',
    `--domain ${domain}: ${document.file} is about ${JSON.stringify(document.domain)}${didYouMean(domain, [document.domain])}`,
  )
}

/** The same figures with the names that they have in answers; null where nothing can be said. */
function jsonOf({ counted, estimates, unseen, picks }: Evaluation) {
  const { compared, notSent, rejected, unanswered, open, cut, offersNothing } = counted
  return {
    decisions: {
      compared,
      not_sent: notSent,
      rejected,
      unanswered,
      open,
      cut,
      offers_nothing: offersNothing,
    },
    logged: estimates.logged,
    ips: estimates.ips,
    snips: estimates.snips,
    gain: estimates.gain,
    effective_decisions: estimates.effective,
    unseen_share: unseen,
    picks,
  }
}
