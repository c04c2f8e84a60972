import { expect } from 'chai'
import { accepted } from '../../actors/action.ts'
import { createGuard } from '../../src/dispatch/guard.ts'
import { Lanes } from '../../src/dispatch/lanes.ts'
import { durationMs, durationText } from '../../src/duration.ts'
import { newId } from '../../src/ids.ts'
import { partitionOfUser, sliceOf, slicesOf } from '../../src/ledger/placement.ts'
import { decode, encode } from '../../src/mailbox/codec.ts'
import { Held } from '../../src/turn/held.ts'
import { fairShare } from '../../src/turn/ownership.ts'
import { attemptResult } from '../../src/turn/send.ts'

const row = (id: string, p = 1, lane = '7') => ({
  id,
  tenant: 't',
  type: 'at',
  userId: 'u',
  parameters: '{}',
  reasoning: null,
  confidence: null,
  origin: 'api',
  test: false,
  lane,
  p,
  isMute: false,
  claimed: null,
  state: accepted(0, 1),
})

describe('what a worker holds', () => {
  it('is not taken twice', () => {
    const held = new Held()
    expect(held.admit(row('a'))).to.not.equal(null)
    expect(held.admit(row('a'))).to.equal(null)
    expect(held.countInSlice('1:7')).to.include({ all: 1, unanswered: 1 })
  })

  it('leaves a tombstone, so that the late answer of an older load brings nothing back', () => {
    const held = new Held()
    held.admit(row('a'))
    const older = held.openLoad()
    held.release('a')
    expect(held.admit(row('a'))).to.equal(null)
    held.closeLoad(older)
    expect(held.admit(row('a'))).to.not.equal(null)
  })

  it('keeps the tombstone while any load is open that was asked before the release', () => {
    const held = new Held()
    held.admit(row('a'))
    const oldest = held.openLoad()
    held.release('a')
    const newer = held.openLoad()
    held.closeLoad(newer)
    expect(held.admit(row('a'))).to.equal(null)
    held.closeLoad(oldest)
    expect(held.admit(row('a'))).to.not.equal(null)
    expect(held.bytes).to.equal(2)
  })
})

describe('what a turn is deciding on', () => {
  it('is not taken until the turn has ended', () => {
    const held = new Held()
    held.admit(row('a'))
    held.reserve('a')
    expect(held.get('a')).to.equal(undefined)
    expect(held.admit(row('a'))).to.equal(null)
    held.freeReserved()
    expect(held.admit(row('a'))).to.not.equal(null)
  })

  it('is not taken from a load that was asked before the turn ended, whether it was held or not', () => {
    for (const wasHeld of [true, false]) {
      const held = new Held()
      if (wasHeld) held.admit(row('a'))
      const before = held.openLoad()
      held.reserve('a')
      const during = held.openLoad()
      held.closeLoad(before)
      held.freeReserved()
      expect(held.admit(row('a'))).to.equal(null)
      held.closeLoad(during)
      expect(held.admit(row('a'))).to.not.equal(null)
    }
  })
})

describe('the lanes', () => {
  const item = (id: string, lane: string) => ({ id, p: 1, lane })

  it('take turns, however long the queue of one is', () => {
    const lanes = new Lanes<ReturnType<typeof item>>(800)
    for (let i = 0; i < 50; i++) lanes.push(item(`flood-${i}`, 'flood'))
    lanes.push(item('quiet', 'quiet'))
    expect([lanes.next()!.id, lanes.next()!.id]).to.deep.equal(['flood-0', 'quiet'])
  })

  it('give none more than an eighth of the wire, less after timeouts, and all back after successes', () => {
    const lanes = new Lanes<ReturnType<typeof item>>(64)
    for (let i = 0; i < 200; i++) lanes.push(item(`${i}`, 'a'))
    const taken = () => {
      const got = []
      for (let next = lanes.next(); next !== null; next = lanes.next()) got.push(next)
      return got
    }
    const first = taken()
    expect(first).to.have.length(8)
    for (const each of first) lanes.done(each, true)
    const afterTimeouts = taken()
    expect(afterTimeouts).to.have.length(1)
    let wire = afterTimeouts
    let most = 0
    for (let i = 0; i < 60 && wire.length > 0; i++) {
      for (const each of wire) lanes.done(each, false)
      wire = taken()
      most = Math.max(most, wire.length)
    }
    expect(most).to.equal(8)
  })

  it('drop what is no longer to be sent', () => {
    const lanes = new Lanes<ReturnType<typeof item>>(64)
    lanes.push(item('a', 'x'))
    lanes.push(item('b', 'x'))
    expect(lanes.drop(({ id }) => id === 'a').map(({ id }) => id)).to.deep.equal(['a'])
    expect(lanes.next()!.id).to.equal('b')
    expect(lanes.next()).to.equal(null)
  })
})

describe('placement', () => {
  it('never changes for the same input, and uses eight slices, or one where a limit is counted', () => {
    expect(slicesOf('123', 64, false)).to.deep.equal(slicesOf('123', 64, false))
    expect(slicesOf('123', 64, false)).to.have.length(8)
    expect(slicesOf('123', 64, true)).to.have.length(1)
    expect(partitionOfUser('t', 'u', 64)).to.equal(partitionOfUser('t', 'u', 64))
  })

  it('spreads ids evenly over the slices', () => {
    const counts = Array(8).fill(0)
    for (let i = 0; i < 8_000; i++) counts[sliceOf(newId('ea'), 8)]++
    for (const count of counts) expect(count).to.be.within(700, 1_300)
  })

  it('shares partitions among workers without a rest', () => {
    for (const workers of [1, 2, 3, 5, 64, 100]) {
      const shares = Array.from({ length: workers }, (_, i) => fairShare(64, workers, i))
      expect(shares.reduce((a, b) => a + b)).to.equal(64)
      expect(Math.max(...shares) - Math.min(...shares)).to.be.at.most(1)
    }
  })
})

describe('small things that others rely on', () => {
  it('a nudge survives its way, and a line that cannot be read is left out', () => {
    const nudges = [
      { kind: 'lane' as const, p: 3, lane: '-77' },
      { kind: 'fact' as const, p: 4 },
      { kind: 'event' as const, p: 5 },
    ]
    expect(decode(encode(nudges))).to.deep.equal(nudges)
    expect(decode('lane x 1\nlane 1\nboo 3\n\nfact 2')).to.deep.equal([{ kind: 'fact', p: 2 }])
  })

  it('a duration is read as it is written', () => {
    for (const [text, ms] of [
      ['30s', 30_000],
      ['2m', 120_000],
      ['72h', 259_200_000],
      ['100ms', 100],
    ] as const) {
      expect(durationMs(text)).to.equal(ms)
      expect(durationText(ms)).to.equal(text)
    }
    for (const text of ['', '5', '-1s', '1.5h', '1 s', '1w', 's']) expect(durationMs(text)).to.equal(null)
  })

  it('only a refused address is permanent', () => {
    const failed = (reason: 'timeout' | 'refused_address') =>
      attemptResult({ kind: 'failed', reason, message: '', latencyMs: 1, wasSent: true })
    expect(failed('timeout')).to.include({ permanent: false })
    expect(failed('refused_address')).to.include({ permanent: true })
    for (const status of [301, 400, 404, 410, 500]) {
      const answer = { kind: 'answered' as const, status, latencyMs: 1, retryAfterMs: 5, excerpt: '' }
      expect(attemptResult(answer)).to.deep.equal({
        kind: 'failed',
        permanent: false,
        retryAfterMs: 5,
        unresolved: false,
      })
    }
  })

  it('a CIDR that is none is refused', () => {
    expect(() => createGuard(['10.0.0.0/99'])).to.throw()
  })
})
