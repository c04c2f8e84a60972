import { expect } from 'chai'
import fc from 'fast-check'
import { DateTime } from 'luxon'
import { armed, changesOf, lookAt, settled, type Watch } from '../../actors/due.ts'
import { type Person, told, unknownPerson } from '../../actors/person.ts'
import { compileWatch } from '../../src/decisions/watch.ts'
import { compileScoring, type WrittenScoring } from '../../src/documents/scoring.ts'
import { compileTrigger, type WrittenTrigger } from '../../src/documents/triggers.ts'

const DAY = 86_400_000
const HOUR = 3_600_000
const START = Date.parse('2026-03-01T00:00:00Z')
const iso = (ms: number) => new Date(ms).toISOString()

const days = (path: string) => ({ var: [`user.days_since_${path}`, 0] })
const SCORING: WrittenScoring = {
  name: 'default',
  lifecycle_stage: [
    { is: 'dormant', when: { '>=': [days('last_seen'), 30] } },
    { is: 'new', when: { '<': [days('first_seen'), 7] } },
    { is: 'active', when: true },
  ],
  risk_level: [
    { is: 'high', when: { '>': [{ var: ['user.activity.custom_order.days_since', 0] }, 14] } },
    { is: 'low', when: true },
  ],
  activation_score: { '*': [{ var: 'user.events' }, 10] },
  engagement_score: { '-': [60, { '*': [days('last_seen'), 5] }] },
}

const watchFor = (...written: WrittenTrigger[]): Watch =>
  compileWatch(
    { triggers: written.map((each) => compileTrigger(each, '/on/0', 'UTC')) },
    compileScoring({ file: 'scoring', digest: 'one', value: SCORING }),
  )

/** A person, a clock that only goes on, and what fired when. */
class Life {
  person: Person
  now: number
  readonly fired: { at: number; seen: Record<string, unknown> }[] = []
  readonly watch: Watch
  readonly id: string
  looks = 0
  moves = 0

  constructor(watch: Watch, { now = START, timezone = null as string | null, id = 'u1' } = {}) {
    this.watch = watch
    this.now = now
    this.id = id
    this.person = { ...unknownPerson(false), timezone }
  }

  hears(item: Parameters<typeof told>[1]): void {
    const before = this.person
    const next = told(before, item)
    const changes = changesOf(next, this.watch, this.now, before)
    this.#fire(changes.fires)
    this.#arm({ ...next, standing: changes.standing }, 'word')
  }

  acts(type = 'custom.seen', at = this.now): void {
    this.hears({ kind: 'event', type, at })
  }

  look(): void {
    this.looks += 1
    const look = lookAt({ id: this.id, person: this.person }, this.watch, this.now)
    this.#fire(look.fires)
    this.#arm({ ...this.person, standing: look.standing }, 'look')
  }

  /** Time passes, with a look whenever one is due and `lateMs` later. */
  until(time: number, lateMs = 0): void {
    while (this.person.dueAt !== null && this.person.dueAt + lateMs <= time) {
      this.now = Math.max(this.now, this.person.dueAt + lateMs)
      this.look()
    }
    this.now = Math.max(this.now, time)
  }

  get firedAt(): string[] {
    return this.fired.map(({ at }) => iso(at))
  }

  #fire(fires: readonly { seen: Record<string, unknown> }[]): void {
    for (const { seen } of fires) this.fired.push({ at: this.now, seen })
  }

  #arm(person: Person, after: 'look' | 'word'): void {
    const next = armed({ id: this.id, person }, this.watch, this.now, after)
    if (next.dueAt !== person.dueAt && after === 'word') this.moves += 1
    this.person = next
  }
}

describe('silence', () => {
  it('fires once when it has lasted, and again only after another sign of life', () => {
    const life = new Life(watchFor({ inactive_for: '14d' }))
    life.acts()
    life.until(START + 100 * DAY)
    expect(life.firedAt).to.deep.equal([iso(START + 14 * DAY)])
    expect(life.person.dueAt).to.equal(null)
    life.acts()
    life.until(START + 200 * DAY)
    expect(life.firedAt.slice(1)).to.deep.equal([iso(START + 114 * DAY)])
  })

  it('moves nothing while a person is active', () => {
    const life = new Life(watchFor({ inactive_for: '14d' }))
    for (let day = 0; day < 365; day++) {
      life.until(START + day * DAY)
      for (let n = 0; n < 10; n++) life.acts()
    }
    expect(life.fired).to.deep.equal([])
    expect(life.moves).to.equal(1)
    expect(life.looks).to.be.within(1, 365 / 13)
  })

  it('is never that of somebody who was not seen', () => {
    const life = new Life(watchFor({ inactive_for: '14d' }))
    life.hears({ kind: 'traits', change: { set: { plan: 'pro' } } })
    expect(life.person.dueAt).to.equal(null)
  })

  it('waits for the hour of the own day, and is over if the person comes back before', () => {
    const berlin = { now: Date.parse('2026-03-20T20:00:00Z'), timezone: 'Europe/Berlin' }
    const waiting = new Life(watchFor({ inactive_for: '14d', at: '09:00' }), berlin)
    waiting.acts()
    // Clocks go forward on 29 March in between.
    waiting.until(Date.parse('2026-04-10T00:00:00Z'))
    expect(waiting.firedAt).to.deep.equal(['2026-04-04T07:00:00.000Z'])
    const back = new Life(watchFor({ inactive_for: '14d', at: '09:00' }), berlin)
    back.acts()
    back.until(Date.parse('2026-04-04T03:00:00Z'))
    back.acts()
    back.until(Date.parse('2026-04-05T00:00:00Z'))
    expect(back.fired).to.deep.equal([])
  })

  it('gives history that is imported the time to arrive', () => {
    const life = new Life(watchFor({ inactive_for: '14d' }))
    for (let ago = 300; ago >= 1; ago--) life.acts('custom.seen', life.now - ago * DAY)
    life.until(life.now + 10 * DAY)
    expect(life.fired).to.deep.equal([])
    life.until(life.now + 10 * DAY)
    expect(life.fired).to.have.length(1)
  })

  it('waits for the rest of an import whatever else is due in between', () => {
    const life = new Life(watchFor({ inactive_for: '14d' }, { every: '1h' }))
    const silences = () => life.fired.filter(({ seen }) => seen.kind === 'inactive_for')
    for (let ago = 300; ago >= 20; ago -= 20) {
      life.acts('custom.seen', life.now - ago * DAY)
      life.until(life.now + HOUR / 2)
    }
    expect(life.looks).to.be.above(2)
    expect(silences()).to.deep.equal([])
    const lastWord = life.now - HOUR / 2
    life.until(lastWord + HOUR - 1)
    expect(silences()).to.deep.equal([])
    life.until(lastWord + HOUR)
    expect(silences().map(({ at }) => iso(at))).to.deep.equal([iso(lastWord + HOUR)])
    life.until(life.now + 100 * DAY)
    expect(silences()).to.have.length(1)
  })

  it('waits also where the look comes in the very turn of the word', () => {
    const watch = watchFor({ inactive_for: '14d' })
    const person = told(unknownPerson(false), { kind: 'event', type: 'custom.seen', at: START - 20 * DAY })
    const watched = { id: 'u1', person: settled({ id: 'u1', person }, watch, START) }
    expect(lookAt(watched, watch, START).fires).to.deep.equal([])
    expect(lookAt(watched, watch, START + HOUR).fires).to.have.length(1)
  })

  it('that begins after an import has no hour to wait', () => {
    const life = new Life(watchFor({ inactive_for: '10m' }))
    life.acts('custom.seen', life.now - DAY)
    life.acts()
    life.until(START + DAY)
    expect(life.firedAt).to.deep.equal([iso(START + HOUR / 6)])
  })

  it('of two who are one is told once', () => {
    const watch = watchFor({ inactive_for: '14d' })
    const [one, other] = [new Life(watch), new Life(watch)]
    one.acts()
    other.acts('custom.seen', START - DAY)
    one.until(START + 20 * DAY)
    expect(one.fired).to.have.length(1)
    other.now = one.now
    other.hears({ kind: 'merge', from: one.person })
    other.until(START + 200 * DAY)
    expect(other.fired).to.deep.equal([])
  })
})

describe('a date in a trait', () => {
  const fired = (
    trigger: WrittenTrigger,
    value: unknown,
    { from = '2026-01-01', timezone = null as string | null, forDays = 800 } = {},
  ) => {
    const life = new Life(watchFor(trigger), { now: Date.parse(from), timezone })
    life.hears({ kind: 'traits', change: { set: { date: value as string } } })
    life.until(life.now + forDays * DAY)
    return life.firedAt
  }
  const yearly = { date: 'user.traits.date', yearly: true }

  it('comes every year, on 28 February where there is no 29th', () => {
    expect(fired(yearly, '1992-02-29', { from: '2027-01-01' })).to.deep.equal([
      '2027-02-28T00:00:00.000Z',
      '2028-02-29T00:00:00.000Z',
      '2029-02-28T00:00:00.000Z',
    ])
  })

  it('is a day of the own calendar, at the hour that is asked for', () => {
    const expected = ['2026-07-04T13:00:00.000Z', '2027-07-04T13:00:00.000Z']
    expect(fired({ ...yearly, at: '09:00' }, '1980-07-04', { timezone: 'America/New_York' })).to.deep.equal(
      expected,
    )
    expect(fired(yearly, '1980-07-04', { timezone: 'Pacific/Auckland', forDays: 365 })).to.deep.equal([
      '2026-07-03T12:00:00.000Z',
    ])
  })

  it('counts days of the calendar before it, whatever clocks do', () => {
    const trigger = { date: 'user.traits.date', offset: '-7d' }
    // Clocks go forward in Berlin on 29 March 2026.
    expect(fired(trigger, '2026-04-01', { timezone: 'Europe/Berlin' })).to.deep.equal([
      '2026-03-24T23:00:00.000Z',
    ])
    expect(fired(trigger, '2026-04-01T10:00:00Z', { timezone: 'Europe/Berlin' })).to.deep.equal([
      '2026-03-25T11:00:00.000Z',
    ])
    expect(fired({ ...trigger, offset: '-3h' }, '2026-04-01T10:00:00Z')).to.deep.equal([
      '2026-04-01T07:00:00.000Z',
    ])
  })

  it('is nothing where it is none, and nothing any more two days after', () => {
    for (const value of ['soon', 12.5e18, null, true, '2026-13-45', '2025-12-20'])
      expect(fired({ date: 'user.traits.date' }, value), String(value)).to.deep.equal([])
    expect(fired({ date: 'user.traits.date' }, '2025-12-31')).to.deep.equal(['2026-01-01T00:00:00.000Z'])
  })

  it('fires again where it is put off, and once on a day however far the person travels', () => {
    const life = new Life(watchFor({ date: 'user.traits.date', at: '09:00' }), { timezone: 'Asia/Tokyo' })
    life.hears({ kind: 'traits', change: { set: { date: '2026-03-10' } } })
    life.until(Date.parse('2026-03-10T01:00:00Z'))
    expect(life.fired).to.have.length(1)
    life.hears({ kind: 'traits', change: { timezone: 'America/Los_Angeles' } })
    life.until(Date.parse('2026-03-15T00:00:00Z'))
    expect(life.fired).to.have.length(1)
    life.hears({ kind: 'traits', change: { set: { date: '2026-04-10' } } })
    life.until(Date.parse('2026-05-15T00:00:00Z'))
    expect(life.fired).to.have.length(2)
  })
})

describe('a period', () => {
  it('fires once each, at a moment that each person has for itself', () => {
    const watch = watchFor({ every: '1d' })
    const lives = Array.from({ length: 20 }, (_, n) => new Life(watch, { id: `u${n}` }))
    for (const life of lives) {
      life.acts()
      life.until(START + 10 * DAY)
      expect(life.fired).to.have.length(10)
      const [first, second] = life.fired
      expect(second!.at - first!.at).to.equal(DAY)
    }
    expect(new Set(lives.map(({ fired }) => fired[0]!.at)).size).to.equal(20)
  })

  it('of a week at an hour begins on Monday', () => {
    const life = new Life(watchFor({ every: '7d', at: '09:00' }), { timezone: 'Europe/Berlin' })
    life.acts()
    life.until(START + 21 * DAY)
    expect(life.firedAt).to.deep.equal([
      '2026-03-02T08:00:00.000Z',
      '2026-03-09T08:00:00.000Z',
      '2026-03-16T08:00:00.000Z',
    ])
  })

  it('that nobody was there to look at is left out', () => {
    const life = new Life(watchFor({ every: '1d', at: '09:00' }))
    life.acts()
    life.until(START + 2 * DAY)
    life.now = START + 5 * DAY + 12 * HOUR
    life.look()
    expect(life.fired).to.have.length(3)
  })
})

describe('a change of what scoring says', () => {
  const stages = { change: 'lifecycle_stage', to: 'dormant' } as const

  it('by time alone is found when it comes, each time', () => {
    const life = new Life(watchFor(stages))
    life.acts()
    life.until(START + 50 * DAY)
    life.acts()
    life.until(START + 100 * DAY)
    expect(life.fired.map(({ at, seen }) => [iso(at), seen.from, seen.to])).to.deep.equal([
      [iso(START + 30 * DAY + 1), 'active', 'dormant'],
      [iso(START + 80 * DAY + 1), 'active', 'dormant'],
    ])
    // Nothing can change any more.
    expect(life.person.dueAt).to.equal(null)
    expect(life.looks).to.be.below(8)
  })

  it('by an event fires with the event, also by the first one', () => {
    const life = new Life(
      watchFor({ change: 'lifecycle_stage', to: 'active' }, { change: 'activation_score', above: 20 }),
    )
    life.acts()
    expect(life.fired).to.deep.equal([])
    life.acts()
    life.acts()
    expect(life.fired.map(({ seen }) => [seen.change, seen.from, seen.to])).to.deep.equal([
      ['activation_score', 20, 30],
    ])
    life.acts()
    expect(life.fired).to.have.length(1)
    life.until(START + 8 * DAY)
    expect(life.fired[1]).to.deep.include({ at: START + 7 * DAY + 1 })
  })

  it('from one stage alone leaves out the others', () => {
    const life = new Life(watchFor({ ...stages, from: 'new' }, { ...stages, from: 'active' }))
    life.acts()
    life.until(START + 40 * DAY)
    expect(life.fired.map(({ seen }) => seen.from)).to.deep.equal(['active'])
  })

  it('of a score that falls day by day is found within a day', () => {
    const life = new Life(watchFor({ change: 'engagement_score', below: 20 }))
    life.acts()
    life.until(START + 400 * DAY)
    expect(life.fired).to.have.length(1)
    expect((life.fired[0]!.at - START) / DAY).to.be.within(8.1, 9.2)
    // 60 points at 5 a day are gone after twelve.
    expect(life.looks).to.be.below(16)
  })

  it('waits for its hour, and is over where it is taken back before', () => {
    const written = { change: 'risk_level', to: 'high', at: '09:00' } as const
    const life = new Life(watchFor(written))
    life.acts('custom.order', START + 12 * HOUR)
    life.until(START + 20 * DAY)
    expect(life.firedAt).to.deep.equal([iso(START + 15 * DAY + 9 * HOUR)])
    const back = new Life(watchFor(written))
    back.acts('custom.order', START + 12 * HOUR)
    back.until(START + 15 * DAY)
    back.acts('custom.order')
    back.until(START + 25 * DAY)
    expect(back.fired).to.deep.equal([])
  })

  it('is none where another scoring document says so', () => {
    const life = new Life(watchFor(stages))
    life.acts()
    life.until(START + 10 * DAY)
    const other: WrittenScoring = { ...SCORING, lifecycle_stage: [{ is: 'dormant', when: true }] }
    const scored = compileScoring({ file: 'scoring', digest: 'two', value: other })
    const watch = compileWatch({ triggers: life.watch.triggers }, scored)
    expect(lookAt({ id: 'u1', person: life.person }, watch, life.now).fires).to.deep.equal([])
  })
})

describe('whoever is due', () => {
  const step = fc.record({
    waitMs: fc.oneof(fc.integer({ min: 0, max: 2 * DAY }), fc.integer({ min: 0, max: 40 * DAY })),
    lateMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 * 60_000 })),
    what: fc.constantFrom('acts', 'orders', 'travels', 'nothing', 'looked at too early', 'merged'),
    backMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 * 60_000 })),
    zone: fc.constantFrom(
      'Europe/Berlin',
      'America/New_York',
      'Asia/Tokyo',
      'Pacific/Apia',
      'Australia/Lord_Howe',
    ),
  })

  it('is told of each silence exactly once, in time, and never while active', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom(undefined, '09:00', '02:30', '23:59'),
        (steps, at) => {
          const life = new Life(watchFor({ inactive_for: '3d', ...(at === undefined ? {} : { at }) }))
          const silences = new Map<string, number>()
          for (const { waitMs, lateMs, what, backMs, zone } of steps) {
            live(life, { waitMs, lateMs, what, backMs, zone })
            for (const { at: firedAt, seen } of life.fired.splice(0)) {
              const since = String(seen.last_seen)
              silences.set(since, (silences.get(since) ?? 0) + 1)
              expect(firedAt - Date.parse(since)).to.be.at.least(3 * DAY)
              // A day for the hour, another one for a change of the zone's own calendar or of the zone.
              const latest = 3 * DAY + lateMs + (at === undefined ? 0 : 2 * DAY) + 61 * 60_000
              expect(firedAt - Date.parse(since)).to.be.at.most(latest)
            }
            const { lastSeen } = life.person
            const isSilent =
              lastSeen !== null && life.now - lastSeen > 3 * DAY + lateMs + (at === undefined ? 0 : 2 * DAY)
            if (isSilent) expect(silences.get(iso(lastSeen))).to.equal(1)
          }
          expect([...silences.values()].every((times) => times === 1)).to.equal(true)
        },
      ),
    )
  })

  it('is told of each birthday once, at its hour or late by no more than the look', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 365 }), (steps, day) => {
        const birthday = DateTime.fromISO('1996-01-01', { zone: 'UTC' }).plus({ days: day })
        const life = new Life(watchFor({ date: 'user.traits.birthday', yearly: true, at: '09:00' }))
        life.hears({ kind: 'traits', change: { set: { birthday: birthday.toISODate()! } } })
        const years: string[] = []
        for (const each of steps) {
          live(life, each)
          for (const { at, seen } of life.fired.splice(0)) {
            years.push(String(seen.date))
            expect(at - Date.parse(String(seen.date))).to.be.within(-15 * HOUR, 60 * HOUR)
          }
        }
        const end = life.now
        const expected = [2026, 2027, 2028, 2029, 2030]
          .map((year) => birthday.set({ year }).toMillis())
          .filter((date) => date > START + 3 * DAY && date < end - 3 * DAY)
        expect(new Set(years).size).to.equal(years.length)
        for (const date of expected) expect(years).to.include(iso(date))
      }),
    )
  })

  it('is told of each period once, and of no two in less than one', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const life = new Life(watchFor({ every: '12h' }))
        life.acts()
        for (const each of steps) live(life, each)
        const periods = life.fired.map(({ at }) => at)
        // Looks that are late by less than a period leave none out.
        expect(Math.abs(periods.length - (life.now - START) / (12 * HOUR))).to.be.at.most(1.1)
      }),
    )
  })

  it('is told of each change of stage once, whatever was said in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const life = new Life(
          watchFor({ change: 'lifecycle_stage', to: 'dormant' }, { change: 'lifecycle_stage', to: 'active' }),
        )
        for (const each of steps) live(life, each)
        const stages = life.fired.map(({ seen }) => seen.to)
        for (const [index, to] of stages.entries()) if (index > 0) expect(to).to.not.equal(stages[index - 1])
        const { lastSeen } = life.person
        const isDormant = lastSeen !== null && life.now - lastSeen > 30 * DAY + HOUR
        if (isDormant) expect(stages.at(-1)).to.equal('dormant')
      }),
    )
  })
})

type Step = { waitMs: number; lateMs: number; what: string; backMs: number; zone: string }

function live(life: Life, { waitMs, lateMs, what, backMs, zone }: Step): void {
  life.until(life.now + waitMs, lateMs)
  if (what === 'acts') life.acts('custom.seen', life.now - backMs)
  if (what === 'orders') life.acts('custom.order', life.now - backMs)
  if (what === 'travels') life.hears({ kind: 'traits', change: { timezone: zone } })
  if (what === 'looked at too early') life.look()
  if (what === 'merged') {
    const other = told(unknownPerson(true), { kind: 'event', type: 'custom.seen', at: life.now - backMs })
    life.hears({ kind: 'merge', from: other })
  }
}
