import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  type ActionState,
  ARROWS,
  accepted,
  decide,
  delayAfter,
  type Message,
  OUTCOME_STATUSES,
  STATUSES,
  type Terms,
} from '../../actors/action.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const terms: Terms = {
  delaysMs: [30_000, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR],
  jitter: 0,
  awaitsOutcome: true,
  mayRepeat: true,
  expiresAfterMs: 72 * HOUR,
}
const T0 = Date.UTC(2026, 10, 21)
const at = (now: number) => ({ now, chance: 0 })
const fresh = () => accepted(T0, T0 + terms.expiresAfterMs)

const failure = (
  attempt: number,
  more: Partial<{ permanent: boolean; retryAfterMs: number; unresolved: boolean }> = {},
): Message => ({
  kind: 'result',
  attempt,
  result: { kind: 'failed', permanent: false, retryAfterMs: null, unresolved: false, ...more },
})
const success = (attempt: number): Message => ({ kind: 'result', attempt, result: { kind: 'delivered' } })
const outcome = (status: (typeof OUTCOME_STATUSES)[number], result: unknown = null): Message => ({
  kind: 'outcome',
  status,
  result,
})

/** The state after these messages, each of which must change something. */
function told(state: ActionState, ...messages: [Message, number][]): ActionState {
  return messages.reduce((present, [message, now]) => {
    const decision = decide(present, message, terms, at(now))
    if (decision.kind !== 'changed') throw new Error(`${message.kind} changed nothing: ${decision.reason}`)
    return decision.next
  }, state)
}

describe('the state machine of an action', () => {
  it('walks the default schedule 30s, 2m, 10m, 30m, 2h and then fails', () => {
    let state = fresh()
    let now = T0
    const waits: number[] = []
    for (let attempt = 1; attempt <= 5; attempt++) {
      state = told(state, [failure(attempt), now])
      expect(state.status).to.equal('retrying')
      waits.push(state.nextAt! - now)
      now = state.nextAt!
    }
    expect(waits).to.deep.equal(terms.delaysMs)
    state = told(state, [failure(6), now])
    expect(state).to.include({
      status: 'failed',
      failureReason: 'retries_exhausted',
      attempt: 6,
      nextAt: null,
      deadline: null,
    })
  })

  it('takes a success from pending and from retrying to dispatched, whatever its attempt', () => {
    expect(told(fresh(), [success(1), T0]).status).to.equal('dispatched')
    const retrying = told(fresh(), [failure(1), T0])
    expect(told(retrying, [success(1), T0]).status).to.equal('dispatched')
  })

  it('completes on delivery where no outcome is awaited, and still takes the outcome that was acknowledged', () => {
    const decision = decide(fresh(), success(1), { ...terms, awaitsOutcome: false }, at(T0))
    const done = decision.kind === 'changed' ? decision.next : fresh()
    expect(done).to.include({ status: 'completed', deadline: null })
    expect(told(done, [outcome('rejected'), T0])).to.include({
      status: 'failed',
      failureReason: 'rejected',
      late: false,
    })
  })

  it('takes that its receiver came for it as a delivery, without an attempt', () => {
    expect(told(fresh(), [{ kind: 'pulled' }, T0])).to.include({
      status: 'dispatched',
      attempt: 0,
      nextAt: null,
    })
    const retrying = told(fresh(), [failure(1), T0])
    const decision = decide(retrying, { kind: 'pulled' }, { ...terms, awaitsOutcome: false }, at(T0))
    expect(decision.kind === 'changed' && decision.next).to.include({ status: 'completed', attempt: 1 })
    const failed = told(fresh(), [{ kind: 'cancel' }, T0])
    expect(decide(failed, { kind: 'pulled' }, terms, at(T0)).kind).to.equal('unchanged')
  })

  it('counts a failure only for the attempt that is due', () => {
    const retrying = told(fresh(), [failure(1), T0])
    expect(decide(retrying, failure(1), terms, at(T0))).to.deep.equal({
      kind: 'unchanged',
      reason: 'old_result',
    })
  })

  it('fails at once on a permanent failure', () => {
    expect(told(fresh(), [failure(1, { permanent: true }), T0])).to.include({
      status: 'failed',
      failureReason: 'permanent',
    })
  })

  it('gives up early when the next retry would come after the deadline', () => {
    const short = accepted(T0, T0 + 20_000)
    expect(told(short, [failure(1), T0])).to.include({ status: 'failed', failureReason: 'deadline' })
  })

  it('lets Retry-After lengthen a wait, at most to the longest of the schedule, and never shorten it', () => {
    expect(delayAfter(terms, 1, 90_000, 0)).to.equal(90_000)
    expect(delayAfter(terms, 1, 10 * HOUR, 0)).to.equal(2 * HOUR)
    expect(delayAfter(terms, 1, 1_000, 0)).to.equal(30_000)
    expect(delayAfter({ ...terms, jitter: 0.5 }, 1, null, 0.5)).to.equal(22_500)
  })

  it('expires when the deadline has passed, and not before', () => {
    expect(decide(fresh(), { kind: 'deadline' }, terms, at(T0)).kind).to.equal('unchanged')
    const late = T0 + terms.expiresAfterMs
    expect(told(fresh(), [{ kind: 'deadline' }, late]).status).to.equal('expired')
  })

  for (const status of OUTCOME_STATUSES) {
    it(`records the outcome ${status} once, and answers the very same again without a change`, () => {
      const state = told(fresh(), [success(1), T0], [outcome(status, { points: 5 }), T0])
      expect(state.status).to.equal(status === 'rejected' ? 'failed' : 'completed')
      expect(state.late).to.equal(false)
      expect(decide(state, outcome(status, { points: 5 }), terms, at(T0))).to.deep.equal({
        kind: 'unchanged',
        reason: 'same_outcome',
      })
      expect(decide(state, outcome(status, { points: 6 }), terms, at(T0))).to.deep.equal({
        kind: 'unchanged',
        reason: 'outcome_exists',
      })
    })
  }

  it('marks an outcome after the end as late', () => {
    const expired = told(fresh(), [{ kind: 'deadline' }, T0 + terms.expiresAfterMs])
    expect(told(expired, [outcome('completed'), T0 + 100 * HOUR])).to.include({
      status: 'completed',
      late: true,
    })
  })

  it('starts over on a forced retry, with a fresh budget and deadline', () => {
    const failed = told(fresh(), [failure(1, { permanent: true }), T0])
    const now = T0 + HOUR
    const forced = told(failed, [{ kind: 'retry' }, now])
    expect(forced).to.include({
      status: 'retrying',
      nextAt: now,
      deadline: now + terms.expiresAfterMs,
      attempt: 1,
      failureReason: null,
    })
    const again = told(forced, [failure(2), now])
    expect(again.nextAt).to.equal(now + 30_000)
  })

  it('refuses a forced retry where an outcome exists', () => {
    const rejected = told(fresh(), [success(1), T0], [outcome('rejected'), T0])
    expect(decide(rejected, { kind: 'retry' }, terms, at(T0))).to.deep.equal({
      kind: 'unchanged',
      reason: 'no_arrow',
    })
  })
})

const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ kind: fc.constant('cancel' as const) }),
  fc.record({ kind: fc.constant('pulled' as const) }),
  fc.record({ kind: fc.constant('retry' as const) }),
  fc.record({ kind: fc.constant('deadline' as const) }),
  fc.record({ kind: fc.constant('internal' as const) }),
  fc.record({
    kind: fc.constant('outcome' as const),
    status: fc.constantFrom(...OUTCOME_STATUSES),
    result: fc.constantFrom(null, { a: 1 }),
  }),
  fc
    .record({ attempt: fc.integer({ min: 1, max: 8 }), permanent: fc.boolean(), ok: fc.boolean() })
    .map(({ attempt, permanent, ok }): Message => (ok ? success(attempt) : failure(attempt, { permanent }))),
)
const anyStory = fc.array(fc.tuple(anyMessage, fc.integer({ min: 0, max: 100 * HOUR })), { maxLength: 30 })

/** Every step of a story: the state before, the message, and the state after. */
function steps(story: [Message, number][]) {
  const seen: { before: ActionState; message: Message; after: ActionState; now: number }[] = []
  let state = fresh()
  let now = T0
  for (const [message, wait] of story) {
    now += wait
    const decision = decide(state, message, terms, at(now))
    const next = decision.kind === 'changed' ? decision.next : state
    seen.push({ before: state, message, after: next, now })
    state = next
  }
  return seen
}

const arrowName = (message: Message) => (message.kind === 'result' ? message.result.kind : message.kind)

describe('the state machine, over any story', () => {
  it('takes only arrows of its table, one version at a time', () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        for (const { before, message, after: next } of steps(story)) {
          if (next === before) continue
          expect(next.version).to.equal(before.version + 1)
          const arrow = ARROWS.find(
            (a) =>
              a.on === arrowName(message) && a.from.includes(before.status) && a.to.includes(next.status),
          )
          expect(arrow, `${before.status} -${arrowName(message)}-> ${next.status}`).to.not.equal(undefined)
        }
      }),
    )
  })

  it('leaves a terminal state only by a forced retry or a first outcome', () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        for (const { before, message, after: next } of steps(story)) {
          if (!['completed', 'failed', 'expired'].includes(before.status) || next === before) continue
          expect(['retry', 'outcome']).to.include(message.kind)
          expect(before.outcome).to.equal(null)
        }
      }),
    )
  })

  it('hears the same message twice as once', () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        for (const { before, message, after: next, now } of steps(story)) {
          // Two failures of one attempt, two retries, two outcomes: the second says nothing new.
          if (next === before || (message.kind === 'result' && message.result.kind === 'delivered')) continue
          const again = decide(next, message, terms, at(now))
          expect(again.kind, message.kind).to.equal('unchanged')
        }
      }),
    )
  })

  it('never forgets attempts, and keeps next_at and deadline exactly where they belong', () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        for (const { before, after: next } of steps(story)) {
          expect(next.attempt).to.be.at.least(before.attempt)
          expect(next.nextAt !== null).to.equal(['pending', 'retrying'].includes(next.status))
          expect(next.deadline !== null).to.equal(['pending', 'retrying', 'dispatched'].includes(next.status))
          if (before.outcome !== null) expect(next.outcome).to.equal(before.outcome)
        }
      }),
    )
  })
})

describe('docs/state-machine.md', () => {
  const page = readFileSync(new URL('../../docs/state-machine.md', import.meta.url), 'utf8')
  const drawn = new Set(
    [...page.matchAll(/^ {2}(\w+) --> (\w+) : (\w+)$/gm)].map(([, from, to, on]) => `${from} ${on} ${to}`),
  )
  const coded = new Set(
    ARROWS.flatMap((a) => a.from.flatMap((from) => a.to.map((to) => `${from} ${a.on} ${to}`))),
  )

  it('draws every arrow of the table and none besides', () => {
    expect([...drawn].sort()).to.deep.equal([...coded].sort())
  })

  it('explains every message, and draws only states that exist', () => {
    for (const { on } of ARROWS) expect(page).to.match(new RegExp(`^\\| \`${on}\``, 'm'))
    for (const arrow of drawn) expect(STATUSES).to.include(arrow.split(' ')[0])
  })
})
