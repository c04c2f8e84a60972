import { expect } from 'chai'
import fc from 'fast-check'
import { compileParametersSchema } from '../../src/documents/parameters-schema.ts'
import { type Mistake, VolleyError } from '../../src/errors.ts'

const page = { amount: { type: 'number', required: true }, reason: { type: 'string' } }

function check(schema: unknown, parameters: unknown): Mistake[] {
  return compileParametersSchema(schema).validate(parameters)
}

/** The mistakes that a schema is refused for. */
function refusal(schema: unknown): Mistake[] {
  try {
    compileParametersSchema(schema)
  } catch (error) {
    expect(error).to.be.instanceOf(VolleyError)
    expect((error as VolleyError).code).to.equal('invalid_schema')
    return (error as VolleyError).details as Mistake[]
  }
  throw new Error(`accepted: ${JSON.stringify(schema)}`)
}

const paths = (mistakes: Mistake[]) => mistakes.map((mistake) => mistake.path)

describe('parameters_schema', () => {
  describe('as the shorthand of the API page', () => {
    it('accepts what the fields ask for, and extra parameters', () => {
      expect(check(page, { amount: 500, reason: 'bonus', note: 1 })).to.deep.equal([])
    })

    it('says where a parameter is wrong and what was expected', () => {
      expect(check(page, { amount: '500' })).to.deep.equal([
        { path: '/amount', message: 'must be number, is string' },
      ])
      expect(check(page, {})).to.deep.equal([{ path: '/amount', message: 'is required' }])
      expect(check({ tier: { enum: ['gold', 'silver'] } }, { tier: 'iron' })).to.deep.equal([
        { path: '/tier', message: 'must be one of "gold", "silver"' },
      ])
    })

    it('names every parameter that is wrong, not only the first', () => {
      const schema = { a: { type: 'number' }, b: { type: 'string', required: true } }
      expect(paths(check(schema, { a: 'x' })).sort()).to.deep.equal(['/a', '/b'])
    })

    it('allows everything that is an object when it is empty', () => {
      expect(check({}, { anything: [1] })).to.deep.equal([])
      expect(check({}, [1])).to.deep.equal([{ path: '', message: 'must be object, is array' }])
    })

    it('takes the keywords of JSON Schema beside the type, and fields inside fields', () => {
      const schema = {
        amount: { type: 'integer', minimum: 1, maximum: 10, description: 'points' },
        to: { type: 'object', properties: { email: { type: 'string', format: 'email', required: true } } },
      }
      expect(check(schema, { amount: 3, to: { email: 'a@b.cd' } })).to.deep.equal([])
      expect(paths(check(schema, { amount: 11, to: {} })).sort()).to.deep.equal(['/amount', '/to/email'])
    })

    it('takes fields that are called like keywords', () => {
      expect(check({ type: { type: 'string' } }, { type: 1 })).to.have.length(1)
      expect(check({ properties: { type: 'object', required: true } }, {})).to.deep.equal([
        { path: '/properties', message: 'is required' },
      ])
    })
  })

  describe('as JSON Schema', () => {
    it('is recognised by its keywords, with and without $schema', () => {
      const properties = { amount: { type: 'number' } }
      for (const schema of [
        { type: 'object', properties, required: ['amount'] },
        { properties, required: ['amount'] },
        { $schema: 'https://json-schema.org/draft/2020-12/schema', properties, required: ['amount'] },
        { $schema: 'http://json-schema.org/draft-07/schema#', properties, required: ['amount'] },
      ])
        expect(check(schema, {})).to.deep.equal([{ path: '/amount', message: 'is required' }])
    })

    it('follows references inside itself', () => {
      const schema = {
        properties: { at: { $ref: '#/$defs/day' } },
        $defs: { day: { type: 'string', format: 'date' } },
      }
      expect(check(schema, { at: '2026-04-26' })).to.deep.equal([])
      expect(paths(check(schema, { at: 'soon' }))).to.deep.equal(['/at'])
    })

    it('keeps the drafts apart: a list of items is draft-07', () => {
      const properties = { pair: { items: [{ type: 'string' }] } }
      expect(refusal({ properties })[0]?.path).to.equal('/properties/pair/items')
      const schema = { $schema: 'http://json-schema.org/draft-07/schema#', properties }
      expect(paths(check(schema, { pair: [1] }))).to.deep.equal(['/pair/0'])
    })

    it('can refuse extra parameters, by name', () => {
      expect(check({ type: 'object', additionalProperties: false }, { typo: 1 })).to.deep.equal([
        { path: '/typo', message: 'is not a known property' },
      ])
    })
  })

  describe('is refused, saying where', () => {
    const cases: [title: string, schema: unknown, path: string, expected: RegExp][] = [
      ['that is no object', 'number', '', /must be an object, is string/],
      ['that is a list', [], '', /is array/],
      ['with an unknown field type', { amount: { type: 'numbr' } }, '/amount/type', /one of string, number/],
      ['with a field that is no object', { amount: 'number' }, '/amount', /\{"type": "number"\}/],
      ['with an unknown keyword', { amount: { minimun: 1 } }, '/amount/minimun', /not a keyword/],
      ['with an unknown format', { at: { format: 'dat' } }, '/at/format', /date-time/],
      ['with a keyword of the wrong type', { a: { minimum: '1' } }, '/a/minimum', /must be number/],
      [
        'with a remote $ref',
        { properties: { a: { $ref: 'http://x.test/s' } } },
        '/properties/a/$ref',
        /not fetched/,
      ],
      ['with a relative file as $ref', { a: { $ref: 'other.json' } }, '/a/$ref', /not fetched/],
      ['with a $ref that leads nowhere', { a: { $ref: '#/$defs/b' } }, '/a/$ref', /nowhere/],
      [
        'with a schema that contains itself',
        { properties: { a: { $ref: '#' } } },
        '/properties/a/$ref',
        /recursion/,
      ],
      ['with an address', { $id: 'http://x.test/s' }, '/$id', /may not/],
      ['that is asynchronous', { $async: true }, '/$async', /may not/],
      ['of an unknown draft', { $schema: 'http://json-schema.org/draft-04/schema#' }, '/$schema', /2020-12/],
      ['of something other than an object', { type: 'string' }, '/type', /"object"/],
      ['with a pattern that is none', { a: { pattern: '(' } }, '/a/pattern', /regular expression/],
      ['with a pattern that is too long', { a: { pattern: 'a'.repeat(257) } }, '/a/pattern', /at most 256/],
      ['with required as text', { a: { required: 'yes' } }, '/a/required', /must be array/],
      ['that is too long', { a: { description: 'x'.repeat(70_000) } }, '', /65536 bytes/],
      ['with a property called __proto__', JSON.parse('{"__proto__": {}}'), '/__proto__', /name/],
    ]
    for (const [title, schema, path, expected] of cases) {
      it(`a schema ${title}`, () => {
        const [mistake] = refusal(schema)
        expect(mistake?.path).to.equal(path)
        expect(mistake?.message).to.match(expected)
      })
    }

    it('a schema that is nested too deeply', () => {
      let schema: unknown = { type: 'string' }
      for (let i = 0; i < 20; i++) schema = { properties: { a: schema } }
      expect(refusal(schema)[0]?.message).to.match(/at most 16 levels/)
    })

    it('a chain of references that doubles at each step', () => {
      const $defs: Record<string, unknown> = { s0: { type: 'number' } }
      for (let i = 1; i < 40; i++)
        $defs[`s${i}`] = { allOf: [{ $ref: `#/$defs/s${i - 1}` }, { $ref: `#/$defs/s${i - 1}` }] }
      expect(refusal({ properties: { a: { $ref: '#/$defs/s39' } }, $defs })[0]?.message).to.match(
        /at most 5000/,
      )
    })
  })

  it('does not hang on a pattern that backtracks without end', () => {
    const { validate } = compileParametersSchema({ a: { type: 'string', pattern: '^(a+)+$' } })
    const startedAt = performance.now()
    expect(validate({ a: `${'a'.repeat(50)}b` })[0]?.message).to.match(/takes too long/)
    expect(validate({ a: 'aaa' })).to.deep.equal([])
    for (let i = 0; i < 100; i++) validate({ a: `${'a'.repeat(50)}b` })
    expect(performance.now() - startedAt).to.be.below(500)
  })

  it('finds equal items of a long list in time that grows with its length', () => {
    const { validate } = compileParametersSchema({ a: { type: 'array', uniqueItems: true } })
    const items = Array.from({ length: 50_000 }, (_, i) => ({ i, b: 1 }))
    expect(validate({ a: items })).to.deep.equal([])
    expect(validate({ a: [...items, { b: 1, i: 7 }] })).to.have.length(1)
  })

  it('either compiles or says where it is wrong, whatever JSON it is given', () => {
    const words = [
      'type',
      'properties',
      'required',
      'items',
      '$ref',
      'enum',
      'pattern',
      'a',
      'not',
      'allOf',
      '$defs',
    ]
    const json = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom<unknown>(null, true, 1, 'string', 'object', '#', '#/properties/a', '(', []),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...words), tie('node'), { maxKeys: 4 }),
      ),
    })).node
    fc.assert(
      fc.property(json, fc.jsonValue(), (schema, parameters) => {
        try {
          check(schema, parameters)
        } catch (error) {
          expect((error as VolleyError).code).to.equal('invalid_schema')
          expect((error as VolleyError).details).to.have.length.above(0)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})
