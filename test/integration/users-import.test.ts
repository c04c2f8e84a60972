import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'

describe('an import of users', () => {
  let volley: Installation

  before(async () => {
    volley = await Installation.start({ workers: 1 })
  })
  after(() => volley.stop())

  const send = (csv: string, type = 'text/csv; charset=utf-8') =>
    volley.call('POST', '/api/users/import', csv, { headers: { 'content-type': type } })
  const user = async (id: string) => (await volley.call('GET', `/api/users/${id}`)).body.user

  it('takes what each row says, and lists the rows that say nothing of use', async () => {
    const { status, body } = await send(
      [
        '\ufeffuser_id,plan,age:number,timezone,consent.channels.email',
        'a1,"pro, ""plus""",42,Europe/Berlin,false',
        'a2,free,old,,',
        'a3,free,7,Middle/Earth,',
        '',
        'a4,free',
        'a5,,,,true',
      ].join('\r\n'),
    )
    expect(status).to.equal(200)
    expect(body).to.deep.include({ rows: 5, accepted: 2, duplicates: 0, rejected: 3, complete: true })
    expect(body.mistakes.map(({ row }: { row: number }) => row)).to.deep.equal([2, 3, 4])
    await eventually(async () => {
      expect(await user('a1')).to.deep.include({
        traits: { plan: 'pro, "plus"', age: 42 },
        timezone: 'Europe/Berlin',
        consent: { channels: { email: false }, actions: {} },
      })
    })
  })

  it('that is sent again goes on where it was, and changes nothing that was changed since', async () => {
    const rows = Array.from({ length: 2_500 }, (_, i) => `b${i},v1`)
    const file = ['user_id,version', ...rows].join('\n')
    const first = await send(file)
    expect(first.body).to.include({ rows: 2_500, accepted: 2_500, duplicates: 0 })
    await volley.call('PUT', '/api/users/b7', { traits: { version: 'v2' } })
    const again = await send(file)
    expect(again.body).to.include({ rows: 2_500, accepted: 0, duplicates: 2_500, complete: true })
    expect(again.body.import_id).to.equal(first.body.import_id)
    // What is said afterwards is heard after the file.
    await volley.call('PUT', '/api/users/b7', { traits: { after: true } })
    expect((await user('b7')).traits).to.deep.equal({ version: 'v2', after: true })
  })

  it('says where a file cannot be read any further, and keeps what came before', async () => {
    const { body } = await send('user_id,plan\nc1,x\nc2,"y"z\nc3,x\n')
    expect(body).to.deep.include({ rows: 1, accepted: 1, complete: false })
    expect(body.mistakes[0]).to.include({ row: 2 })
    await eventually(async () => expect((await user('c1'))?.traits).to.deep.equal({ plan: 'x' }))
  })

  it('refuses what is no CSV, has no user_id, or is no UTF-8', async () => {
    expect((await send('user_id\nd1', 'application/json')).status).to.equal(415)
    expect((await send('id,plan\nd1,x')).body.details[0].path).to.equal('/header/0')
    expect((await send('')).status).to.equal(400)
    const latin = await fetch(`${volley.url}/api/users/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${volley.keys.live}`, 'content-type': 'text/csv' },
      body: Buffer.from('user_id,name\nd1,J\xf6rg', 'latin1'),
    })
    expect(latin.status).to.equal(400)
  })
})
