import { expect } from 'chai'
import { median, table } from '../../bench/statistics.ts'

const rounds = (...seconds: number[]) => seconds.map((s) => ({ seconds: s, cpuMicros: s * 1_000 }))
const cells = (text: string, name: string) =>
  text
    .split('\n')
    .find((line) => line.startsWith(`| ${name} `))!
    .split('|')
    .map((cell) => cell.trim())
    .slice(1, -1)

describe('the table of the bench', () => {
  it('takes the middle value, or the mean of the middle two', () => {
    expect(median([9, 1, 5])).to.equal(5)
    expect(median([4, 1, 3, 2])).to.equal(2.5)
    expect(median([])).to.be.NaN
  })

  it('takes ratios round by round, so that a round that slowed everybody changes none', () => {
    const text = table(
      new Map([
        ['raw', rounds(1, 10, 1)],
        ['volley', rounds(2, 20, 2)],
      ]),
      100,
    )
    expect(cells(text, 'volley')).to.deep.equal([
      ...['volley', '50', '5–50', '0.50', '–', '–'],
      ...['20', '2.00'],
    ])
  })

  it('leaves out what was not measured instead of guessing it', () => {
    const text = table(new Map([['bullmq', [{ seconds: 2, cpuMicros: null }]]]), 100)
    expect(cells(text, 'bullmq')).to.deep.equal(['bullmq', '50', '50–50', '–', '1.00', '–', '–', '–'])
  })
})
