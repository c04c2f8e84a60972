import { expect } from 'chai'
import Type from 'typebox'
import { mistakesOf, mistakesOfTexts } from '../../src/http/mistakes.ts'

const Item = Type.Object({
  user_id: Type.String({ minLength: 1 }),
  status: Type.Optional(Type.Enum(['pending', 'failed'])),
  confidence: Type.Optional(Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()])),
  wait: Type.Optional(Type.String({ pattern: '^\\d+s$', description: 'seconds, such as "30s"' })),
})
const Body = Type.Object({ items: Type.Array(Item) })

describe('mistakes in a request', () => {
  for (const [value, path, message] of [
    [[], '', 'must be object'],
    [null, '', 'must be object'],
    [{}, '/items', 'is required'],
    [{ items: {} }, '/items', 'must be array'],
    [{ items: [{}] }, '/items/0/user_id', 'is required'],
    [{ items: [{ user_id: 7 }] }, '/items/0/user_id', 'must be string'],
    [{ items: [{ user_id: '' }] }, '/items/0/user_id', 'must not be empty'],
    [{ items: [{ user_id: 'u', status: 'x' }] }, '/items/0/status', 'must be one of "pending", "failed"'],
    [{ items: [{ user_id: 'u', confidence: '1' }] }, '/items/0/confidence', 'must be number or must be null'],
    [
      { items: [{ user_id: 'u', wait: '1' }] },
      '/items/0/wait',
      'must match ^\\d+s$ (seconds, such as "30s")',
    ],
  ] as const) {
    it(`says of ${JSON.stringify(value)} that ${path || 'the whole'} ${message}`, () => {
      expect(mistakesOf(Body, value)).to.deep.equal([{ path, message }])
    })
  }

  it('are listed all, up to twenty', () => {
    expect(mistakesOf(Body, { items: [{}, { user_id: 1 }] })).to.have.length(2)
    expect(mistakesOf(Body, { items: Array(100).fill({}) })).to.have.length(20)
  })

  it('are none where properties stand that the schema does not name', () => {
    expect(mistakesOf(Body, { items: [{ user_id: 'u', later: 1 }], more: true })).to.deep.equal([])
  })

  it('of a huge value end with the first, so that listing them costs neither time nor memory', () => {
    const startedAt = performance.now()
    expect(mistakesOf(Body, { items: Array(1_000_000).fill(1) })).to.have.length(1)
    expect(performance.now() - startedAt).to.be.below(500)
  })

  it('of a query are judged after its texts were converted and defaults filled in', () => {
    const Query = Type.Object({
      limit: Type.Integer({ default: 50, maximum: 100 }),
      active: Type.Optional(Type.Boolean()),
    })
    const query: Record<string, unknown> = { active: 'false' }
    expect(mistakesOfTexts(Query, query)).to.deep.equal([])
    expect(query).to.deep.equal({ limit: 50, active: false })
    expect(mistakesOfTexts(Query, { limit: '101' })).to.deep.equal([
      { path: '/limit', message: 'must be <= 100' },
    ])
    expect(mistakesOfTexts(Query, { active: 'maybe' })).to.deep.equal([
      { path: '/active', message: 'must be boolean' },
    ])
  })
})
