import { expect } from 'chai'
import { KnownSecrets } from '../../src/http/connectors/known-secrets.ts'

describe('the secrets shared with Segment', () => {
  it('are read once for many who ask, each tenant its own', async () => {
    const read: string[] = []
    const secrets = new KnownSecrets(async (tenant) => {
      read.push(tenant)
      return tenant === 'none' ? null : `of ${tenant}`
    })
    expect(await Promise.all(['a', 'a', 'none'].map((tenant) => secrets.of(tenant)))).to.deep.equal([
      'of a',
      'of a',
      null,
    ])
    expect(await secrets.of('none')).to.equal(null)
    expect(read).to.deep.equal(['a', 'none'])
  })

  it('are read anew once they were changed here, and after a failure', async () => {
    let answer: () => Promise<string> = () => Promise.reject(new Error('away'))
    const secrets = new KnownSecrets(() => answer())
    const failed = await secrets.of('a').catch(({ message }: Error) => message)
    expect(failed).to.equal('away')
    answer = async () => 'first'
    expect(await secrets.of('a')).to.equal('first')
    answer = async () => 'second'
    expect(await secrets.of('a')).to.equal('first')
    secrets.forget('a')
    expect(await secrets.of('a')).to.equal('second')
  })
})
