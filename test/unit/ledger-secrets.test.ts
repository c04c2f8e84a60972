import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { secretBox } from '../../src/ledger/secrets.ts'

describe('a secret box', () => {
  const key = randomBytes(32)

  it('opens what it sealed, and never seals the same text to the same bytes', () => {
    const box = secretBox(key)
    expect(box.open(box.seal('geheim ✓'))).to.equal('geheim ✓')
    expect(box.open(box.seal(''))).to.equal('')
    expect(box.seal('a').equals(box.seal('a'))).to.equal(false)
    expect(box.seal('plain text').includes('plain')).to.equal(false)
  })

  it('names VOLLEY_SECRET_KEY where another key is used', () => {
    const sealed = secretBox(key).seal('x')
    expect(() => secretBox(randomBytes(32)).open(sealed)).to.throw(/VOLLEY_SECRET_KEY/)
  })

  it('refuses what was changed at any byte, or cut', () => {
    const box = secretBox(key)
    const sealed = box.seal('secret')
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed)
      changed[i]! ^= 1
      expect(() => box.open(changed), `byte ${i}`).to.throw(/stored secret/)
    }
    expect(() => box.open(sealed.subarray(0, 20))).to.throw(/stored secret/)
    expect(() => box.open(Buffer.alloc(0))).to.throw(/stored secret/)
  })

  it('refuses a key that is not 32 bytes', () => {
    expect(() => secretBox(Buffer.alloc(16))).to.throw(/32 bytes/)
  })
})
