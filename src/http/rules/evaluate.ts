import Type from 'typebox'
import { doubtsOfLogic, doubtsOfTemplate } from '../../documents/doubts.ts'
import { type Budget, compileLogic, fullBudget, type Logic, LogicError } from '../../documents/evaluate.ts'
import { compileTemplate, requireJson } from '../../documents/template.ts'
import { type Mistake, VolleyError } from '../../errors.ts'
import { MistakesAnswer } from '../mistakes.ts'
import { route } from '../route.ts'

/** For authors and tools: evaluates what stands in the request, within the limits of a rule, and keeps nothing. */
export const postEvaluate = route({
  method: 'POST',
  path: '/api/rules/evaluate',
  summary: 'Evaluate JSON-logic, or a template, over data',
  description:
    'Nothing is kept and nothing follows. `warnings` says what is allowed and was hardly meant; it is left out where there is nothing to say.',
  auth: 'key',
  namesOnce: true,
  body: Type.Object({
    rule: Type.Unknown({ description: 'JSON-logic, or a template where `as` says so.' }),
    data: Type.Optional(Type.Unknown({ description: 'What the rule sees; nothing where it is not given.' })),
    as: Type.Optional(Type.Union([Type.Literal('logic'), Type.Literal('template')], { default: 'logic' })),
  }),
  answers: {
    200: Type.Object({ result: Type.Unknown(), warnings: Type.Optional(MistakesAnswer) }),
  },
  errors: ['rule_invalid', 'rule_failed'],
  example: { rule: { '>=': [{ var: 'event.data.total' }, 100] }, data: { event: { data: { total: 120 } } } },
  async handler({ body: { rule, data = null, as } }) {
    const isTemplate = as === 'template'
    const compiled = compiledRule(rule, isTemplate)
    const result = evaluated(compiled, data)
    const warnings = (isTemplate ? doubtsOfTemplate : doubtsOfLogic)(rule, '/rule', null).slice(0, 20)
    return { status: 200, body: { result, ...(warnings.length === 0 ? {} : { warnings }) } }
  },
})

function compiledRule(rule: unknown, isTemplate: boolean): Logic {
  try {
    return isTemplate ? compileTemplate(rule, '/rule', 'result') : compileLogic(rule, '/rule')
  } catch (error) {
    if (!(error instanceof VolleyError)) throw error
    const details = error.details as Mistake[]
    throw new VolleyError('rule_invalid', `The rule has a mistake: ${error.message}`, { details })
  }
}

function evaluated(rule: Logic, data: unknown): unknown {
  const budget: Budget = fullBudget()
  try {
    const result = rule(data, budget) ?? null
    requireJson(result, budget, { what: 'result', trail: [] })
    return result
  } catch (error) {
    if (!(error instanceof LogicError)) throw error
    const details = [{ path: '/rule', message: error.message }]
    throw new VolleyError('rule_failed', `The rule was not finished: ${error.message}`, { details })
  }
}
