import { rmSync } from 'node:fs'
import { expect } from 'chai'
import { figures } from './figures.ts'
import { run } from './run.ts'

/** The short version of `npm run test:subscriptions`. */
const SHORT = { endpoints: 150, seconds: 12, kills: 2, seed: 7 }

describe('many endpoints that are told of events while workers are killed', function () {
  this.timeout(180_000)

  it('are each told of each, and again only what was being sent at a kill, under the same id', async () => {
    const lines: string[] = []
    const done = await run({ ...SHORT, say: (line) => lines.push(line) })
    expect(done.findings, [...lines, figures(done), done.logs].join('\n')).to.deep.equal([])
    expect(done.told).to.equal(SHORT.endpoints * SHORT.seconds)
    expect(done.kills).to.equal(SHORT.kills)
    rmSync(done.logs, { recursive: true })
  })
})
