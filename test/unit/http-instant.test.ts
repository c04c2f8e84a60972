import { expect } from 'chai'
import fc from 'fast-check'
import { instantMs, isLedgerTime } from '../../src/http/external/instant.ts'

describe('a time from outside', () => {
  for (const [text, expected] of [
    ['2026-04-25T00:00:00Z', Date.UTC(2026, 3, 25)],
    ['2026-04-25T02:00:00.5+02:00', Date.UTC(2026, 3, 25, 0, 0, 0, 500)],
    ['2028-02-29T00:00Z', Date.UTC(2028, 1, 29)],
    ['2026-02-29T00:00:00Z', null],
    ['2026-04-31T00:00:00Z', null],
    ['2026-13-01T00:00:00Z', null],
    ['2026-04-25T25:00:00Z', null],
    ['2026-04-25T00:00:00+99:00', null],
  ] as const) {
    it(`${text} is ${expected === null ? 'no time' : 'taken by its offset'}`, () => {
      expect(instantMs(text)).to.equal(expected)
    })
  }

  it('is read as it was written, for every millisecond that a date can have', () => {
    const dates = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true })
    fc.assert(fc.property(dates, (date) => instantMs(date.toISOString()) === date.getTime()))
  })

  it('in a cursor has the one form that the ledger writes', () => {
    expect(isLedgerTime('2026-11-21T01:26:34.949989Z')).to.equal(true)
    for (const text of [
      '2026-11-21',
      '1 (one)',
      '2026-02-30T00:00:00.000000Z',
      '0000-01-01T00:00:00.000000Z',
    ])
      expect(isLedgerTime(text), text).to.equal(false)
  })
})
