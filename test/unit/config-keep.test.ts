import { expect } from 'chai'
import { readConfig } from '../../src/config.ts'

const DAY_MS = 86_400_000

describe('how long months are kept', () => {
  it('is 400 days unless somebody says otherwise, each by itself', () => {
    expect(readConfig({}).keep).to.deep.equal({ eventsMs: 400 * DAY_MS, actionsMs: 400 * DAY_MS })
    expect(readConfig({ VOLLEY_KEEP_EVENTS: '30d', VOLLEY_KEEP_ACTIONS: 'off' }).keep).to.deep.equal({
      eventsMs: 30 * DAY_MS,
      actionsMs: null,
    })
  })

  for (const text of ['3d', '167h', '-1d', 'for ever', '400'])
    it(`is never ${text}: the setting is named with what it takes`, () => {
      expect(() => readConfig({ VOLLEY_KEEP_EVENTS: text })).to.throw(
        `VOLLEY_KEEP_EVENTS="${text}": expected "off" or a duration of at least "7d"`,
      )
    })
})
