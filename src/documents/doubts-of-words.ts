import type { Mistake } from '../errors.ts'
import { didYouMean, nearestWord, quoted } from './nearest.ts'
import { matches, type WrittenRules } from './rule-book.ts'
import type { WrittenScoring } from './scoring.ts'

/** Words of a document of rules that look like others of it, misspelt: actions and types of events. */
export function doubtsOfWords({ rules, caps = [] }: WrittenRules): Mistake[] {
  const actions = rules.map(({ action }) => action)
  const types = rules.flatMap(({ on }) => on.filter((each) => typeof each === 'string'))
  return [
    ...actions.flatMap((action, index) =>
      lonely(action, actions, `/rules/${index}/action`, 'no other rule offers'),
    ),
    ...caps.flatMap(({ action }, index) =>
      action === undefined || actions.includes(action)
        ? []
        : [
            {
              path: `/caps/${index}/action`,
              message: `no rule offers ${quoted(action)}${didYouMean(action, actions)}`,
            },
          ],
    ),
    ...rules.flatMap(({ on }, index) =>
      on.flatMap((type, place) =>
        typeof type === 'string' ? doubtsOfType(type, types, `/rules/${index}/on/${place}`) : [],
      ),
    ),
  ]
}

function doubtsOfType(type: string, types: readonly string[], path: string): Mistake[] {
  const found = lonely(type, types, path, 'no other rule waits for')
  // The names that vendors give have no dots as a rule.
  if (found.length > 0 || !type.includes('.') || /^(custom\.|\$)/.test(type)) return found
  return [
    {
      path,
      message: `events that are sent over the API begin with "custom."; did you mean ${quoted(`custom.${type}`)}?`,
    },
  ]
}

/** A word that stands there once and differs in a letter from one that stands there too; numbers tell words apart. */
function lonely(word: string, all: readonly string[], path: string, says: string): Mistake[] {
  const others = [...all]
  others.splice(others.indexOf(word), 1)
  if (others.includes(word)) return []
  const near = nearestWord(
    word,
    others.filter((other) => withoutDigits(other) !== withoutDigits(word)),
  )
  if (near === null || matches(near, word) || matches(word, near)) return []
  return [{ path, message: `${says} ${quoted(word)}; did you mean ${quoted(near)}?` }]
}

const withoutDigits = (word: string): string => word.replaceAll(/\d+/g, '')

/** Stages and risks for which rules wait and that scoring never gives. */
export function doubtsOfStages({ rules }: WrittenRules, scoring: WrittenScoring): Mistake[] {
  return rules.flatMap(({ on }, index) =>
    on.flatMap((trigger, place) => {
      if (typeof trigger === 'string') return []
      const { change, from, to } = trigger
      if (change !== 'lifecycle_stage' && change !== 'risk_level') return []
      const known = scoring[change].map(({ is }) => is)
      return Object.entries({ from, to }).flatMap(([name, stage]) =>
        stage === undefined || known.includes(stage)
          ? []
          : [
              {
                path: `/rules/${index}/on/${place}/${name}`,
                message: `scoring gives no ${change} ${quoted(stage)}; it gives ${known.join(', ')}${didYouMean(stage, known)}`,
              },
            ],
      )
    }),
  )
}
