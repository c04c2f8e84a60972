import { expect } from 'chai'
import { createGuard } from '../../src/dispatch/guard.ts'

const refused = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0177.0.0.1/',
  'http://0.0.0.0/',
  'http://10.0.0.1/',
  'http://172.16.0.1/',
  'http://192.168.1.1/',
  'http://169.254.169.254/latest/meta-data',
  'http://100.64.0.1/',
  'http://100.100.100.200/',
  'http://168.63.129.16/',
  'http://192.0.2.1/',
  'http://198.18.0.1/',
  'http://224.0.0.1/',
  'http://255.255.255.255/',
  'http://240.0.0.1/',
  'http://[::1]/',
  'http://[::]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:10.0.0.1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[2002:7f00:1::]/',
  'http://[fe80::1]/',
  'http://[fc00::1]/',
  'http://[fd00:ec2::254]/',
  'http://[ff02::1]/',
  'http://localhost/',
  'http://LOCALHOST./',
  'http://api.localhost/',
  'http://metadata.google.internal/',
]
const allowed = [
  'https://loyalty.app/api/retivo/actions',
  'http://8.8.8.8/',
  'http://[2606:4700::1111]/',
  'http://[64:ff9b::808:808]/',
]

describe('the address guard', () => {
  const guard = createGuard([])
  for (const url of refused) it(`refuses ${url}`, () => expect(guard.refusalOfUrl(url)).to.be.a('string'))
  for (const url of allowed) it(`allows ${url}`, () => expect(guard.refusalOfUrl(url)).to.equal(null))

  it('opens exactly the ranges it is told to', () => {
    const open = createGuard(['127.0.0.0/8', '::1/128'])
    expect(open.refusalOfUrl('http://localhost:3000/')).to.equal(null)
    expect(open.refusalOfUrl('http://[::1]/')).to.equal(null)
    expect(open.refusalOfUrl('http://[::ffff:127.0.0.1]/')).to.equal(null)
    expect(open.refusalOfUrl('http://10.0.0.1/')).to.be.a('string')
  })

  it('refuses a name that resolves to a refused address, and says which', (done) => {
    guard.lookup('localhost', {}, (error, address) => {
      expect(address).to.equal(undefined)
      expect(error?.name).to.equal('AddressRefused')
      expect(error?.message).to.match(/localhost: .*loopback/)
      done()
    })
  })
})
