import { expect } from 'chai'
import fc from 'fast-check'
import { hear, type Said, VIA_MAX } from '../../actors/people.ts'
import { type Person, unknownPerson } from '../../actors/person.ts'

const T0 = Date.UTC(2026, 10, 21)
const base = { isAnonymous: false, type: 'seen', data: {}, time: T0, via: [] }
const event = (type = 'seen'): Said => ({ ...base, kind: 'event', type })
const joinTo = (userId: string): Said => ({ ...base, kind: 'join', data: { userId } })
const joined = (to: string): Person => ({ ...unknownPerson(true), mergedInto: to })

describe('what comes in under an id', () => {
  it('makes a visitor known, and a user of whoever is called one', () => {
    const visitor = hear('v', undefined, { ...event(), isAnonymous: true })
    if (visitor.kind !== 'told') throw new Error(visitor.kind)
    expect(visitor.person).to.include({ isAnonymous: true, events: 1 })
    const user = hear('v', visitor.person, event())
    expect(user.kind === 'told' && user.person.isAnonymous).to.equal(false)
  })

  it('moves along with all that was known once the id is joined to another', () => {
    const known = { ...unknownPerson(true), events: 3 }
    const heard = hear('v', known, joinTo('u'))
    if (heard.kind !== 'joined') throw new Error(heard.kind)
    expect(heard).to.deep.include({ from: known, to: 'u', via: ['v'] })
    expect(heard.person).to.include({ events: 0, mergedInto: 'u' })
    expect(hear('v', heard.person, event())).to.deep.equal({
      kind: 'passed',
      person: null,
      to: 'u',
      via: ['v'],
    })
  })

  it('is not moved twice by the same join, nor to itself', () => {
    expect(hear('v', joined('u'), joinTo('u'))).to.deep.equal({ kind: 'ignored' })
    expect(hear('v', undefined, joinTo('v'))).to.deep.equal({ kind: 'ignored' })
  })

  it('goes to whom the id was joined last, while what was moved stays where it is', () => {
    const heard = hear('v', joined('u'), joinTo('w'))
    expect(heard.kind === 'joined' && [heard.person.mergedInto, heard.from.events]).to.deep.equal(['w', 0])
  })

  it('asks for the erasure of the one who it belongs to', () => {
    const erase: Said = { ...base, kind: 'delete', data: { what: 'person' } }
    expect(hear('u', unknownPerson(false), erase)).to.deep.equal({ kind: 'erased' })
    expect(hear('v', joined('u'), erase)).to.deep.equal({ kind: 'passed', person: null, to: 'u', via: ['v'] })
    const alias: Said = { ...base, kind: 'delete', data: { what: 'alias', of: 'u' } }
    expect(hear('v', joined('u'), alias)).to.deep.equal({ kind: 'gone' })
    expect(hear('v', joined('other'), alias)).to.deep.equal({ kind: 'ignored' })
  })

  it('stops somewhere, however long the chain', () => {
    const via = Array.from({ length: VIA_MAX }, (_, i) => `x${i}`)
    expect(hear('v', joined('u'), { ...event(), via }).kind).to.equal('told')
  })

  it('reaches one living person and loses nothing, whoever is joined to whom in whatever order', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd')
    const step = fc.oneof(
      fc.record({ kind: fc.constant('join' as const), from: id, to: id }),
      fc.record({ kind: fc.constant('event' as const), from: id }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), fc.infiniteStream(fc.nat()), (steps, chance) => {
        const run = new Run()
        for (const each of steps) {
          run.say(each.from, each.kind === 'join' ? joinTo(each.to) : event())
          // Some of what partitions tell each other is heard late.
          if (chance.next().value % 2 === 0) run.hearOne(chance.next().value)
        }
        run.hearAll()
        const events = steps.filter(({ kind }) => kind === 'event').length
        const known = [...run.people.values()]
        expect(known.reduce((sum, person) => sum + person.events, 0)).to.equal(events)
        for (const person of known) if (person.mergedInto !== null) expect(person.events).to.equal(0)
        expect(run.decided).to.equal(events)
      }),
    )
  })
})

/** Ids with a queue each, as partitions are: what is passed on is heard in the order of its queue. */
class Run {
  readonly people = new Map<string, Person>()
  readonly queues = new Map<string, Said[]>()
  decided = 0

  say(id: string, said: Said): void {
    this.queues.set(id, [...(this.queues.get(id) ?? []), said])
  }

  hearOne(chance: number): void {
    const waiting = [...this.queues].filter(([, queue]) => queue.length > 0)
    const [id, queue] = waiting[chance % Math.max(1, waiting.length)] ?? []
    if (id === undefined || queue === undefined) return
    const said = queue.shift()!
    const heard = hear(id, this.people.get(id), said)
    if (heard.kind === 'told' || heard.kind === 'joined') this.people.set(id, heard.person)
    if (heard.kind === 'told' && said.kind === 'event') this.decided++
    if (heard.kind === 'passed') this.say(heard.to, { ...said, via: heard.via })
    if (heard.kind === 'joined')
      this.say(heard.to, { ...base, kind: 'merge', data: { person: heard.from }, via: heard.via })
  }

  hearAll(): void {
    for (let i = 0; [...this.queues.values()].some((queue) => queue.length > 0); i++) {
      if (i > 5_000) throw new Error('what is passed on never ends')
      this.hearOne(i)
    }
  }
}
