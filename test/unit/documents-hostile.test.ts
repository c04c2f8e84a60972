import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import fc from 'fast-check'
import { OPERATORS } from '../../src/documents/evaluate.ts'
import { HOSTILE } from '../support/hostile-documents.ts'
import { type Ran, runHostile } from '../support/run-hostile.ts'

const LIMIT_MS = 50

describe('a hostile document', () => {
  for (const hostile of HOSTILE) {
    it(`that ${hostile.name} is ${hostile.ends} in time`, () => {
      const { ends, shown, ms } = runHostile(hostile)
      expect(ends, shown).to.equal(hostile.ends)
      expect(ms).to.be.below(LIMIT_MS)
    })
  }

  it('leaves a process with a small heap alive, and as it was', async () => {
    const child = new URL('../support/run-hostile.ts', import.meta.url).pathname
    // Whoever fills a heap of 128 MB in passing ends this process.
    const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=128', child])
    const lines = stdout.trim().split('\n')
    const ran = lines.slice(0, -1).map((line) => JSON.parse(line) as Ran)
    expect(ran.map(({ name, ends }) => [name, ends])).to.deep.equal(
      HOSTILE.map(({ name, ends }) => [name, ends]),
    )
    expect(ran.filter(({ ms }) => ms >= LIMIT_MS)).to.deep.equal([])
    expect(JSON.parse(lines.at(-1)!).polluted).to.equal(false)
  })

  it('is every rule over every data that chance writes: nothing is thrown but what says so', () => {
    const names = ['toString', 'valueOf', 'indexOf', 'length', 'constructor', 'x', 'l', '']
    const data = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3, depthIdentifier: 'value' },
        fc.constantFrom<unknown>(null, 0, -1, 1e21, '', 'x', '2026-01-01', '14d', true, '\u{1f600}'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 4 }),
      ),
    })).value
    const rules = fc.letrec((tie) => ({
      rule: fc.oneof(
        { maxDepth: 4, depthIdentifier: 'rule' },
        fc.constantFrom<unknown>(0, 2, -3, '', 'x', 'd', 'hour', 'UTC', '2026-01-01', '14d', true, null, []),
        fc.constantFrom(...names).map((name) => ({ var: name })),
        ...[...OPERATORS].map((operator) =>
          fc.array(tie('rule'), { maxLength: 3 }).map((args) => ({ [operator]: args })),
        ),
        fc.array(tie('rule'), { maxLength: 3 }),
      ),
    })).rule
    const ended = { refused: 0, ended: 0, finished: 0, broken: 0 }
    fc.assert(
      fc.property(rules, data, fc.boolean(), (rule, value, isTemplate) => {
        const { ends, shown, ms } = runHostile({
          name: 'chance',
          rule,
          data: { x: value, l: [value, value] },
          ...(isTemplate ? { isTemplate } : {}),
          ends: 'finished',
        })
        ended[ends] += 1
        expect(ends, shown).to.not.equal('broken')
        expect(ms).to.be.below(LIMIT_MS)
      }),
      { numRuns: 5_000 },
    )
    expect(ended.finished).to.be.above(200)
    expect(ended.ended).to.be.above(20)
  })

  it('is one of at least forty, which are not all refused for the same reason', () => {
    expect(HOSTILE.length).to.be.at.least(40)
    expect(new Set(HOSTILE.map(({ ends }) => ends)).size).to.equal(3)
  })
})
