import { expect } from 'chai'
import { withoutSecrets } from '../../src/dispatch/redact.ts'

describe('what an answer repeats of a secret', () => {
  it('is not kept: as it is, as JSON writes it, and cut at the end', () => {
    expect(withoutSecrets('a tok-secret-123 b tok-secret-123', ['tok-secret-123'])).to.equal(
      'a [redacted] b [redacted]',
    )
    const odd = 'quo"te\\val'
    expect(withoutSecrets(JSON.stringify({ echoed: odd }), [odd])).to.equal('{"echoed":"[redacted]"}')
    expect(withoutSecrets(odd, [odd])).to.equal('[redacted]')
    expect(withoutSecrets('…Bearer tok-secr', ['Bearer tok-secret-123'])).to.equal('…[redacted]')
  })

  it('takes nothing else along', () => {
    expect(withoutSecrets('ok, Bear', ['abc', 'Berlin'])).to.equal('ok, Bear')
    expect(withoutSecrets('abcabc', ['abc'])).to.equal('abcabc')
    expect(withoutSecrets('one long-secret-2', ['long-secret', 'long-secret-2'])).to.equal('one [redacted]')
  })
})
