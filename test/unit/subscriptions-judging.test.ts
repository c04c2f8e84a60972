import { expect } from 'chai'
import { judge, type Receipt } from '../subscriptions/judge.ts'

const KILL = 100_000
const EXPECTED = new Map([
  ['e1', ['/a', '/b']],
  ['e2', ['/a']],
])
const receipt = (event: string, endpoint: string, at: number, fields: Partial<Receipt> = {}): Receipt => ({
  event,
  endpoint,
  at,
  id: `evt_${event}`,
  isGenuine: true,
  ...fields,
})
const ALL = [receipt('e1', '/a', 10), receipt('e1', '/b', 30), receipt('e2', '/a', 20)]
const findings = (receipts: Receipt[]) => judge({ expected: EXPECTED, receipts, kills: [KILL] }).findings

describe('the judgement of subscriptions', () => {
  it('is content where each event came to each endpoint once', () => {
    const verdict = judge({ expected: EXPECTED, receipts: ALL, kills: [] })
    expect(verdict).to.deep.equal({ findings: [], told: 3, repeated: 0, slowestMs: 20 })
  })

  it('takes what comes again where the time before was shortly before a kill', () => {
    const again = [receipt('e2', '/a', KILL - 1_000), receipt('e2', '/a', KILL + 5_000)]
    const verdict = judge({ expected: EXPECTED, receipts: [ALL[0]!, ALL[1]!, ...again], kills: [KILL] })
    expect([verdict.findings, verdict.repeated]).to.deep.equal([[], 1])
  })

  for (const [what, receipts] of [
    ['an event that did not come', ALL.slice(1)],
    ['what comes again without a kill that explains it', [...ALL, receipt('e2', '/a', 500)]],
    [
      'what comes again long after a kill',
      [...ALL.slice(0, 2), receipt('e2', '/a', KILL + 600), receipt('e2', '/a', KILL + 900)],
    ],
    ['another id the second time', [...ALL, receipt('e2', '/a', 40, { id: 'evt_x' })]],
    ['what was told to somebody else', [...ALL, receipt('e2', '/b', 20)]],
    ['a signature that does not verify', [...ALL.slice(1), receipt('e1', '/a', 10, { isGenuine: false })]],
  ] as [string, Receipt[]][])
    it(`finds ${what}`, () => expect(findings(receipts)).to.not.deep.equal([]))
})
