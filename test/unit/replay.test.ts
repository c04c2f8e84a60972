import { expect } from 'chai'
import type { Notice } from '../../actors/notify.ts'
import { type Past, type PastPage, type ReplayCursor, takeNext } from '../../actors/replay.ts'

const NOTHING: ReplayCursor = { steps: null, events: null, notices: null }
const notice = (id: string, at: number): Notice => ({
  id,
  type: 'custom.a',
  tenant: 't',
  userId: 'u',
  at,
  data: {},
})
const past = (place: string, at: number, isTold = true): Past => ({
  at,
  place,
  notice: isTold ? notice(place, at) : null,
})
const page = (rows: Past[], isLast = true): PastPage => ({ rows, isLast })
const EMPTY = page([])
const all = () => true

describe('what is told again', () => {
  it('comes in the order in which it happened, whatever its source', () => {
    const pages = {
      steps: page([past('s1', 10), past('s2', 30)]),
      events: page([past('e1', 20)]),
      notices: page([past('n1', 5)]),
    }
    const taken = takeNext(pages, NOTHING, 100, all)
    expect(taken.notices.map(({ id }) => id)).to.deep.equal(['n1', 's1', 'e1', 's2'])
    expect(taken).to.deep.include({ isEnd: true, lookedAt: 4, reached: 30 })
    expect(taken.cursor).to.deep.equal({ steps: 's2', events: 'e1', notices: 'n1' })
  })

  it('stops where a source has to be asked for more, so that nothing is told before what comes first', () => {
    const pages = { steps: page([past('s1', 10)], false), events: page([past('e1', 20)]), notices: EMPTY }
    const taken = takeNext(pages, NOTHING, 100, all)
    expect(taken.notices.map(({ id }) => id)).to.deep.equal(['s1'])
    expect(taken).to.deep.include({ isEnd: false })
    expect(taken.cursor).to.deep.equal({ steps: 's1', events: null, notices: null })
  })

  it('is as much as was asked for at most, and goes on behind it', () => {
    const pages = {
      steps: page([past('s1', 1), past('s2', 2), past('s3', 3)]),
      events: EMPTY,
      notices: EMPTY,
    }
    const taken = takeNext(pages, NOTHING, 2, all)
    expect(taken).to.deep.include({ isEnd: false, lookedAt: 2 })
    expect(taken.cursor.steps).to.equal('s2')
  })

  it('goes no further once to know what is wanted took too much, and goes on behind that', () => {
    const pages = {
      steps: page([past('s1', 1), past('s2', 2), past('s3', 3)]),
      events: EMPTY,
      notices: EMPTY,
    }
    let left = 2
    const taken = takeNext(
      pages,
      NOTHING,
      100,
      () => left-- === 0,
      () => left === 0,
    )
    expect(taken).to.deep.include({ isEnd: false, lookedAt: 2, notices: [] })
    expect(taken.cursor.steps).to.equal('s2')
  })

  it('leaves out what is told to nobody and what is not wanted, and does not look at it again', () => {
    const pages = {
      steps: page([past('s1', 1, false), past('s2', 2), past('s3', 3)]),
      events: EMPTY,
      notices: EMPTY,
    }
    const taken = takeNext(pages, NOTHING, 2, ({ id }) => id !== 's2')
    expect(taken.notices.map(({ id }) => id)).to.deep.equal(['s3'])
    expect(taken).to.deep.include({ isEnd: true, lookedAt: 3 })
  })
})
