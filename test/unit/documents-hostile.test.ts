import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
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

  it('is one of at least forty, which are not all refused for the same reason', () => {
    expect(HOSTILE.length).to.be.at.least(40)
    expect(new Set(HOSTILE.map(({ ends }) => ends)).size).to.equal(3)
  })
})
