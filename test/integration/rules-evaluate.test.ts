import { expect } from 'chai'
import { HOSTILE } from '../support/hostile-documents.ts'
import { Installation } from '../support/installation.ts'

describe('POST /api/rules/evaluate', () => {
  let volley: Installation
  before(async () => {
    volley = await Installation.start()
  })
  after(() => volley.stop())
  const evaluate = (body: unknown) => volley.call('POST', '/api/rules/evaluate', body)

  for (const [body, result] of [
    [{ rule: { '+': [1, { var: 'x' }] }, data: { x: 2 } }, 3],
    [{ rule: { var: '' }, data: 7 }, 7],
    [{ rule: { var: 'x' } }, null],
    [{ rule: null }, null],
    [{ rule: { filter: [{ var: 'l' }, { '>': [{ var: '' }, 1] }] }, data: { l: [1, 2] } }, [2]],
    [
      { rule: { a: { upper: { var: 'x' } }, b: 1 }, data: { x: 'y' }, as: 'template' },
      { a: 'Y', b: 1 },
    ],
  ] as const) {
    it(`answers ${JSON.stringify(result)} to ${JSON.stringify(body)}`, async () => {
      const { status, body: answer } = await evaluate(body)
      expect(status).to.equal(200)
      expect(answer).to.deep.equal({ result })
    })
  }

  it('warns of an argument that nobody looks at', async () => {
    const { body } = await evaluate({ rule: { '-': [9, 1, 1] } })
    expect(body.result).to.equal(8)
    expect(body.warnings).to.deep.equal([
      { path: '/rule/-', message: 'looks at 2 arguments and ignores the other 1; nest it to use them all' },
    ])
  })

  for (const [body, status, code, path, message] of [
    [
      { rule: { and: [true, { fitler: [] }] } },
      400,
      'rule_invalid',
      '/rule/and/1/fitler',
      /did you mean "filter"/,
    ],
    [{ rule: { '==': [1, 1], '!=': [1, 1] } }, 400, 'rule_invalid', '/rule', /exactly one key/],
    [{ rule: { log: 'x' } }, 400, 'rule_invalid', '/rule/log', /is not an operator/],
    [
      { rule: { cat: [{ var: 'o' }] }, data: { o: {} } },
      422,
      'rule_failed',
      '/rule',
      /"cat" takes no objects/,
    ],
    [{ rule: { '/': [1, 0] } }, 422, 'rule_failed', '/rule', /the result is not a number/],
    [{ data: {} }, 400, 'invalid_body', '/rule', /is required/],
    [{ rule: 1, as: 'magic' }, 400, 'invalid_body', '/as', /must be/],
  ] as const) {
    it(`refuses ${JSON.stringify(body)}: ${code} at ${path}`, async () => {
      const answer = await evaluate(body)
      expect(answer.status).to.equal(status)
      expect(answer.body.code).to.equal(code)
      expect(answer.body.details[0].path).to.equal(path)
      expect(answer.body.details[0].message).to.match(message)
      expect(answer.body.error).to.be.a('string').and.not.empty
    })
  }

  const TWICE = '"when": {"==": [1, 2], "=="\n: [1, 1]}'
  const RULES = `{"document": {"domain": "twice", "rules": [{"name": "a", ${TWICE}}]}}`
  for (const [method, path, body] of [
    ['POST', '/api/rules/evaluate', `{"rule": {${TWICE}}}`],
    ['PUT', '/api/rules/recommendations/twice', RULES],
    ['POST', '/api/rules/preview', RULES],
    ['POST', '/api/rules/mappings/any/try', `{"given": {"action": {${TWICE}}}}`],
    ['POST', '/api/webhooks/endpoints', `{"url": "https://example.com", "filter": {${TWICE}}}`],
    ['PUT', '/api/webhooks/endpoints/any', `{"payload_mapping": {${TWICE}}}`],
  ] as const) {
    it(`refuses a name that stands twice in one object: ${method} ${path}`, async () => {
      const answer = await volley.call(method, path, body)
      expect([answer.status, answer.body.code]).to.deep.equal([400, 'invalid_body'])
      const column = body.indexOf('"=="\n') + 1
      expect(answer.body.error).to.include(
        `the name "==" stands twice in one object, at line 1, column ${column}`,
      )
    })
  }

  it('outlives every hostile document, and answers the next request', async () => {
    for (const { name, rule, data = {}, isTemplate, ends } of HOSTILE) {
      const { status } = await evaluate({ rule, data, as: isTemplate === true ? 'template' : 'logic' })
      // What is finished may still be no answer: a number that is none has no place in JSON.
      expect(status, name).to.be.oneOf(ends === 'finished' ? [200, 422] : [400, 413, 422])
    }
    expect((await evaluate({ rule: true })).body).to.deep.equal({ result: true })
  })
})
