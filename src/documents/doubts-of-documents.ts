import type { Mistake } from '../errors.ts'
import { doubtsOfCondition, doubtsOfLogic, doubtsOfTemplate, doubtsOfText } from './doubts.ts'
import { doubtsOfWords } from './doubts-of-words.ts'
import type { WrittenMapping } from './mappings.ts'
import { neverApplies } from './never-applies.ts'
import type { WrittenRules } from './rule-book.ts'
import type { WrittenScoring } from './scoring.ts'

const SEEN_BY_RULES = ['event', 'trigger', 'user', 'context', 'now']
const SEEN_BY_MAPPINGS = ['action', 'user', 'now']
const SEEN_BY_SCORING = ['user', 'now']

/** What in a document of rules is allowed and was hardly meant. */
export function doubtsOfRules(written: WrittenRules): Mistake[] {
  const { rules } = written
  return [
    ...doubtsOfWords(written),
    ...neverApplies(rules),
    ...rules.flatMap(({ when, parameters, reasoning }, index) => [
      ...doubtsOfCondition(when, `/rules/${index}/when`, SEEN_BY_RULES),
      ...doubtsOfTemplate(parameters ?? {}, `/rules/${index}/parameters`, SEEN_BY_RULES),
      ...doubtsOfText(reasoning, `/rules/${index}/reasoning`, SEEN_BY_RULES),
    ]),
  ]
}

/** The same of a mapping. */
export const doubtsOfMapping = ({ body }: WrittenMapping): Mistake[] =>
  doubtsOfTemplate(body, '/body', SEEN_BY_MAPPINGS)

/** The same of a scoring document; a last choice that is not for everybody leaves some without a word. */
export function doubtsOfScoring(written: WrittenScoring): Mistake[] {
  return [
    ...(['activation_score', 'engagement_score'] as const).flatMap((part) =>
      doubtsOfLogic(written[part], `/${part}`, SEEN_BY_SCORING),
    ),
    ...(['lifecycle_stage', 'risk_level'] as const).flatMap((part) => [
      ...written[part].flatMap(({ when }, index) =>
        doubtsOfCondition(when, `/${part}/${index}/when`, SEEN_BY_SCORING),
      ),
      ...(written[part].at(-1)?.when === true
        ? []
        : [{ path: `/${part}`, message: 'does not end with {"when": true}: some users have none' }]),
      ...written[part].flatMap(({ when, is }, index) =>
        when === true && index < written[part].length - 1
          ? [{ path: `/${part}/${index + 1}`, message: `is never reached: ${is} is for everybody else` }]
          : [],
      ),
    ]),
  ]
}
