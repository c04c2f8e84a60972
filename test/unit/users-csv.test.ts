import { expect } from 'chai'
import { readHeader, readRow } from '../../src/http/users/csv-columns.ts'

const read = (header: string[], cells: string[]) => readRow(readHeader(header), cells)

describe('the columns of a file of users', () => {
  const cases: [string, string[], string[], unknown][] = [
    [
      'are traits as text',
      ['user_id', 'plan', 'zip'],
      ['u', 'pro', '01234'],
      { traits: { plan: 'pro', zip: '01234' } },
    ],
    [
      'are of the type that the header says',
      ['age:number', 'vip:boolean', 'tags:json', 'user_id', 'a:b:text'],
      ['42', 'TRUE', '["x"]', 'u', '1'],
      { traits: { age: 42, vip: true, tags: ['x'], 'a:b': '1' } },
    ],
    [
      'may have a place of their own',
      ['user_id', 'timezone', 'locale', 'consent.channels.email', 'suppression.actions.x.y'],
      ['u', 'Asia/Tokyo', 'ja', 'false', '2030-01-01T00:00:00Z'],
      {
        timezone: 'Asia/Tokyo',
        locale: 'ja',
        consent: { channels: { email: false } },
        suppression: { actions: { 'x.y': '2030-01-01T00:00:00Z' } },
      },
    ],
    ['say nothing where they are empty', ['user_id', 'plan', 'age:number'], ['u', '', ''], {}],
  ]
  for (const [title, header, cells, change] of cases) {
    it(title, () => {
      expect(read(header, cells)).to.deep.equal({ kind: 'row', id: 'u', change })
    })
  }

  it('may have the names of what objects inherit', () => {
    const row = read(['user_id', '__proto__', 'consent.channels.__proto__'], ['u', 'x', 'true'])
    if (row.kind !== 'row') throw new Error(row.message)
    expect(Object.getOwnPropertyNames(row.change.traits)).to.deep.equal(['__proto__'])
    expect(Object.getOwnPropertyNames(row.change.consent!.channels)).to.deep.equal(['__proto__'])
  })

  const mistakes: [string, string[], string[], RegExp][] = [
    ['too few cells', ['user_id', 'a'], ['u'], /has 1 cells; 2 were expected/],
    ['nobody', ['user_id', 'a'], [' ', 'x'], /user_id must have/],
    ['a number that is none', ['user_id', 'a:number'], ['u', 'x'], /a:number must be a number/],
    ['a yes or no that is none', ['user_id', 'consent.channels.x'], ['u', 'maybe'], /must be true or false/],
    ['what is no JSON', ['user_id', 'a:json'], ['u', '{'], /must be JSON/],
  ]
  for (const [title, header, cells, message] of mistakes) {
    it(`refuse a row with ${title}, and say so`, () => {
      const row = read(header, cells)
      expect(row.kind === 'mistake' && row.message).to.match(message)
    })
  }

  const headers: [string, string[], RegExp][] = [
    ['no user_id', ['id', 'a'], /user_id/],
    ['a column without a name', ['user_id', ''], /has no name/],
    ['a column twice', ['user_id', 'a', 'a:text'], /is there twice/],
    ['two columns with the user', ['user_id', ' user_id '], /is there twice/],
    ['a type that is none', ['user_id', 'a:date'], /type date; known are text, number/],
  ]
  for (const [title, header, message] of headers) {
    it(`refuse a header with ${title}`, () => {
      expect(() => readHeader(header)).to.throw(message)
    })
  }
})
