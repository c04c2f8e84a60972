import { randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import { expect } from 'chai'
import { figures, report } from './figures.ts'
import { run } from './run.ts'

/** The short version of `npm run test:chaos`: each kind of fault once. */
const SHORT = { actions: 3_000, minutes: 1.2 }

describe('an installation about which everything fails', function () {
  this.timeout(240_000)

  it('loses nothing, and does nothing twice that a fault does not explain', async () => {
    const seed = randomInt(1_000_000)
    const lines: string[] = []
    const done = await run({ ...SHORT, seed, say: (line) => lines.push(line) })
    const again = `npm run test:chaos -- --seed ${seed} --actions ${SHORT.actions} --minutes ${SHORT.minutes}`
    const { findings, ledger, parts } = done
    const said = [...lines, figures(done), report(findings, ledger, 5), again, parts.installation.logs]
    expect(findings, said.join('\n')).to.deep.equal([])
    expect(parts.traffic.accepted.length).to.equal(SHORT.actions)
    expect(ledger.takeovers, 'partitions that changed hands').to.be.above(0)
    rmSync(parts.installation.logs, { recursive: true })
  })
})
