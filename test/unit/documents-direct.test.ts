import { expect } from 'chai'
import fc from 'fast-check'
import jsonLogic from 'json-logic-js'
import { compileLogic, fullBudget } from '../../src/documents/evaluate.ts'

const UNARY = ['!', '!!']
const BINARY = ['==', '===', '!=', '!==', '>', '>=', '<', '<=', '%', '/']

describe('operators with one or two arguments', () => {
  const value = fc.oneof(
    fc.constantFrom(null, true, false, '', '0', '1', 'a', ' 7 ', 0, -0, 1, -1, 7.5, 1e308),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string(),
    fc.array(fc.oneof(fc.integer(), fc.string()), { maxLength: 2 }),
  )
  // Each argument as what a rule reads, since a list in a rule is logic.
  const own = (operator: string, args: unknown[]) => {
    const data = Object.fromEntries(args.map((arg, n) => [`a${n}`, arg]))
    const rule = { [operator]: args.map((_, n) => ({ var: `a${n}` })) }
    const ours = compileLogic(rule, '')(data, fullBudget())
    return { ours, theirs: jsonLogic.apply(rule as never, data) as unknown }
  }

  for (const operator of UNARY)
    it(`mean what they mean to the library: ${operator}`, () =>
      fc.assert(
        fc.property(value, (a) => {
          const { ours, theirs } = own(operator, [a])
          expect(ours).to.deep.equal(theirs)
        }),
      ))

  for (const operator of BINARY)
    it(`mean what they mean to the library: ${operator}`, () =>
      fc.assert(
        fc.property(value, value, (a, b) => {
          const { ours, theirs } = own(operator, [a, b])
          expect(ours).to.deep.equal(theirs)
        }),
        { numRuns: 300 },
      ))

  it('mean what they mean to the library: in', () =>
    fc.assert(
      fc.property(value, fc.oneof(fc.string(), fc.array(value, { maxLength: 4 })), (a, b) => {
        const { ours, theirs } = own('in', [a, b])
        expect(ours).to.deep.equal(theirs)
      }),
    ))
})
