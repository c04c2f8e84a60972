import { type CasesResult, checkMapping, checkRules, checkScoring } from '../decisions/check-documents.ts'
import {
  type Case,
  casesFileOf,
  loadCases,
  type MappingCaseGiven,
  type RuleCaseExpect,
  type RuleCaseGiven,
  type ScoringCaseGiven,
} from '../documents/cases.ts'
import { readDocuments } from '../documents/documents.ts'
import { doubtsOfMapping, doubtsOfRules, doubtsOfScoring } from '../documents/doubts-of-documents.ts'
import { doubtsOfStages } from '../documents/doubts-of-words.ts'
import type { RuleDocument } from '../documents/rule-book.ts'
import type { Scores } from '../documents/scoring.ts'
import { scoringIn } from '../documents/shelf.ts'
import { type Mistake, VolleyError } from '../errors.ts'

/** The lines of a check, and whether every document and every case is right; warnings are no mistakes. */
export interface Checked {
  lines: string[]
  isRight: boolean
}

/** Checks every document of a rules folder and runs every case. */
export function checkDocuments(rulesDir: string): Checked {
  const { documents, mistakes } = readDocuments(rulesDir)
  const { rules, mappings, scoring, plans } = documents
  const scored = scoringIn(documents)?.written
  const doubtsOf = ({ written }: RuleDocument) => [
    ...(scored === undefined ? [] : doubtsOfStages(written, scored)),
    ...doubtsOfRules(written),
  ]
  const reports = [
    ...rules.documents.map((document) =>
      report(document.file, many(document.rules.length, 'rule'), doubtsOf(document), () =>
        casesOf(
          rulesDir,
          document.file,
          'recommendations.cases',
          (cases: Case<RuleCaseGiven, RuleCaseExpect>[]) => checkRules(document, cases),
        ),
      ),
    ),
    ...mappings.map((mapping) =>
      report(mapping.file, `a body for ${mapping.action}`, doubtsOfMapping(mapping.written), () =>
        casesOf(rulesDir, mapping.file, 'mappings.cases', (cases: Case<MappingCaseGiven, unknown>[]) =>
          checkMapping(mapping, cases),
        ),
      ),
    ),
    ...scoring.map((each) =>
      report(each.file, `scores ${each.name}`, doubtsOfScoring(each.written), () =>
        casesOf(rulesDir, each.file, 'scoring.cases', (cases: Case<ScoringCaseGiven, Partial<Scores>>[]) =>
          checkScoring(each, cases),
        ),
      ),
    ),
    ...(plans === null
      ? []
      : [{ lines: [`${plans.file}: ${many(plans.plans.length, 'plan')}`], isRight: true }]),
    ...mistakes.map(({ message }) => ({ lines: [`✗ ${message}`], isRight: false })),
  ]
  return {
    lines: reports.flatMap(({ lines }) => lines),
    isRight: reports.every(({ isRight }) => isRight),
  }
}

type CasesKind = 'recommendations.cases' | 'mappings.cases' | 'scoring.cases'

/** Null where the document has no cases. */
function casesOf<Given, Expect>(
  rulesDir: string,
  file: string,
  kind: CasesKind,
  run: (cases: Case<Given, Expect>[]) => CasesResult,
): CasesResult | null {
  const found = loadCases<Given, Expect>(rulesDir, file, kind)
  return found === null ? null : run(found.cases)
}

function report(
  file: string,
  holds: string,
  doubts: readonly Mistake[],
  runCases: () => CasesResult | null,
): Checked {
  const warnings = doubts.map(({ path, message }) => `${file}: ${path}: ${message}`)
  let result: CasesResult | null
  try {
    result = runCases()
  } catch (error) {
    if (!(error instanceof VolleyError)) throw error
    return { lines: [`✗ ${error.message}`, ...warned(warnings)], isRight: false }
  }
  if (result === null)
    return {
      lines: [`${file}: ${holds}`, ...warned([...warnings, `no cases: ${casesFileOf(file)}`])],
      isRight: true,
    }
  const { held, failed, unshown } = result
  const all = held + failed.length
  return {
    lines: [
      `${failed.length === 0 ? '✔' : '✗'} ${file}: ${holds}, ${held} of ${many(all, 'case')} hold`,
      ...failed.flatMap(({ name, index, mistakes }) => [
        `    ✗ ${name} (${casesFileOf(file)}: /cases/${index})`,
        ...mistakes.map((each) => `        ${each}`),
      ]),
      ...warned([
        ...warnings,
        ...unshown.map((each) => (each.startsWith('/') ? `${casesFileOf(file)}: ${each}` : each)),
      ]),
    ],
    isRight: failed.length === 0,
  }
}

const warned = (warnings: readonly string[]) => warnings.map((warning) => `    ! ${warning}`)

const many = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
