import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import type { CanonicalItem, Normalised, Source } from '../../src/connectors/canonical.ts'
import { answerTo, NOW, read } from '../support/connector.ts'
import { BODIES, ITEMS, mutated } from '../support/vendor-bodies.ts'

const SOURCES: readonly Source[] = ['segment', 'posthog', 'mixpanel']
const RUNS = { numRuns: 1_000 }

/** What keeps a value from being stored as jsonb, read back the same; null for nothing. Its own rules, not the code's. */
function unstorable(value: unknown, levels = 70): string | null {
  if (levels === 0) return 'deep'
  if (typeof value === 'string')
    return /\0/.test(value) || !value.isWellFormed() ? JSON.stringify(value) : null
  if (typeof value === 'number') return Number.isFinite(value) ? null : String(value)
  if (typeof value !== 'object') return typeof value === 'boolean' ? null : typeof value
  if (value === null) return null
  if (Object.hasOwn(value, '__proto__')) return '__proto__'
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== Array.prototype) return 'prototype'
  for (const [name, inside] of Object.entries(value)) {
    const found = unstorable(name) ?? unstorable(inside, levels - 1)
    if (found !== null) return found
  }
  return null
}

const isId = (id: unknown) => typeof id === 'string' && id.length >= 1 && id.length <= 256

function expectUsable(item: CanonicalItem): void {
  expect(unstorable(item), JSON.stringify(item)).to.equal(null)
  if (item.kind === 'join') {
    expect(isId(item.previousId) && isId(item.userId) && item.previousId !== item.userId).to.equal(true)
  } else {
    expect(isId(item.userId ?? item.anonymousId)).to.equal(true)
    for (const id of [item.userId, item.anonymousId]) expect(id === null || isId(id)).to.equal(true)
  }
  if ('at' in item && item.at !== null) {
    expect(Number.isSafeInteger(item.at) && item.at > 0 && item.at <= NOW + 86_400_000).to.equal(true)
  }
  if ('dedupeId' in item && item.dedupeId !== null) expect(item.dedupeId).to.match(/^[\x21-\x7e]{1,200}$/)
  if (item.kind === 'event') expect(item.type).to.have.length.within(1, 255)
  if (item.kind === 'traits') {
    for (const number of Object.values(item.add)) expect(Number.isFinite(number)).to.equal(true)
    for (const list of Object.values(item.union)) expect(list).to.be.an('array')
    for (const name of item.unset) expect(name).to.be.a('string')
  }
}

function expectSound(result: Normalised): void {
  for (const item of result.items) expectUsable(item)
  for (const { index, where, reason } of result.rejected) {
    expect(index).to.be.at.least(0)
    expect(where).to.match(/^(\/[^/]*)*$/)
    expect(reason).to.match(/^(is|must) .{4,}/)
  }
  expect(Object.keys(Object.prototype)).to.deep.equal([])
  expect(({} as { polluted?: unknown }).polluted).to.equal(undefined)
}

for (const source of SOURCES)
  describe(`the ${source} connector, whatever it is sent`, () => {
    it('reads what the vendor sends', () => {
      for (const body of BODIES[source]) {
        const result = read(source, body)
        expect(result.rejected, JSON.stringify(body)).to.deep.equal([])
        expectSound(result)
      }
    })

    it('takes or names each part of a changed body, and what it takes can be stored', () => {
      const property = fc.property(mutated(BODIES[source]), (text) => {
        const answer = answerTo(source, text)
        if (answer.kind === 'normalised') expectSound(answer)
        else expect(answer.message).to.match(/^\S.{10,}\.$/s)
      })
      fc.assert(property, RUNS)
    })

    it('takes, skips or names each item, exactly one of these', () => {
      const property = fc.property(mutated(ITEMS[source], 3), (text) => {
        const answer = answerTo(source, `[${text}]`)
        if (answer.kind === 'refused') throw new Error(answer.message)
        const ways = [answer.items.length > 0, answer.skipped === 1, answer.rejected.length === 1]
        expect(ways.filter(Boolean)).to.have.length(1)
      })
      fc.assert(property, RUNS)
    })

    it('reads an item the same whatever stands beside it', () => {
      const items = fc.array(mutated(ITEMS[source], 2), { maxLength: 5 })
      const property = fc.property(items, (texts) => {
        const together = read(source, `[${texts.join()}]`)
        const alone = texts.map((text) => read(source, `[${text}]`))
        expect(together.items).to.deep.equal(alone.flatMap((each) => each.items))
        expect(together.rejected.map(({ reason }) => reason)).to.deep.equal(
          alone.flatMap((each) => each.rejected.map(({ reason }) => reason)),
        )
        expect(together.skipped).to.equal(alone.reduce((sum, each) => sum + each.skipped, 0))
      })
      fc.assert(property, { numRuns: 300 })
    })

    it('survives bytes that are cut off, spoilt, packed, or called something else', () => {
      const property = fc.property(
        mutated(BODIES[source], 1),
        fc.record({
          contentType: fc.constantFrom(
            null,
            'text/plain',
            'application/x-www-form-urlencoded',
            'application/x-ndjson',
          ),
          contentEncoding: fc.constantFrom(null, 'gzip', 'deflate', 'br', 'identity'),
          query: fc.dictionary(fc.constantFrom('data', '_', 'api_key', 'compression'), fc.string()),
        }),
        fc.record({
          isPacked: fc.boolean(),
          isForm: fc.boolean(),
          end: fc.nat(2_000),
          at: fc.nat(500),
          byte: fc.option(fc.nat(255)),
        }),
        (text, rest, { isPacked, isForm, end, at, byte }) => {
          const plain = isForm ? `data=${Buffer.from(text).toString('base64')}` : text
          const bytes = Buffer.from(isPacked ? gzipSync(plain) : plain).subarray(0, end)
          if (byte !== null && at < bytes.length) bytes[at] = byte
          const answer = answerTo(source, bytes, rest)
          if (answer.kind === 'normalised') expectSound(answer)
          else expect(answer.message).to.match(/^\S.{10,}\.$/s)
        },
      )
      fc.assert(property, { numRuns: 500 })
    })
  })
