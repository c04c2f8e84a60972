import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { Receiver } from '../support/receiver.ts'

/** Refuses rows as Postgres refuses what it cannot store, for users of certain names. */
const REFUSALS = `
create function refuse_history() returns trigger language plpgsql as $f$
declare who text; begin
  select user_id into who from action where id = new.action_id;
  if who = 'poison' and new.kind <> 'internal' or who = 'poison-to-the-end' then
    raise exception 'this row is poison' using errcode = '22023';
  end if;
  return new;
end $f$;
create trigger refuse_history before insert on history for each row execute function refuse_history();
create function refuse_decision() returns trigger language plpgsql as $f$ begin
  if new.user_id = 'poison' then raise exception 'this decision is poison' using errcode = '22021'; end if;
  return new;
end $f$;
create trigger refuse_decision before insert on decision for each row execute function refuse_decision();`

describe('what Postgres refuses to store', () => {
  let volley: Installation
  let receiver: Receiver
  before(async () => {
    receiver = await new Receiver().start()
    volley = await Installation.start({ workers: 1 })
    await volley.actionType({ name: 'kept', delivery_webhook: receiver.url })
    await volley.actionType({ name: 'grant_points', delivery_webhook: receiver.url })
    await volley.ledger.pool.query(REFUSALS)
  })
  after(async () => {
    await volley.stop()
    await receiver.stop()
  })

  const letters = async () =>
    (await volley.ledger.pool.query('select action_id, reason, error, body from dead_letter order by id'))
      .rows
  const post = async (users: string[]): Promise<string[]> => {
    const actions = users.map((user_id) => ({ action_type: 'kept', user_id }))
    const { body } = await volley.call('POST', '/api/external/actions/batch', { actions })
    return body.results.map((result: { action: { id: string } }) => result.action.id)
  }
  const get = async (id: string) => (await volley.call('GET', `/api/external/actions/${id}`)).body.action

  it('fails that action alone, with what it was told in a dead letter, and the others of its turn go their way', async () => {
    const ids = await post(['a', 'b', 'poison', ...Array(40).fill('c')])
    await eventually(async () => {
      const found = await Promise.all(ids.map(get))
      expect(found.map(({ status }) => status)).to.deep.equal([
        'dispatched',
        'dispatched',
        'failed',
        ...Array(40).fill('dispatched'),
      ])
      expect(found[2].failure_reason).to.equal('internal')
    })
    const [letter, ...more] = await letters()
    expect(more).to.deep.equal([])
    expect(letter).to.deep.include({ action_id: ids[2], reason: 'poison', error: 'this row is poison' })
    expect(letter.body.results[0]).to.deep.include({ attempt: 1, result: { kind: 'delivered' } })
    expect(new Set(receiver.ids).size).to.equal(receiver.ids.length)
  })

  it('is sent once and then left alone where not even its failure can be stored', async () => {
    const [id, other] = await post(['poison-to-the-end', 'd'])
    await eventually(async () => expect((await letters()).map((each) => each.action_id)).to.include(id))
    await eventually(async () => expect((await get(other!)).status).to.equal('dispatched'))
    const timers = await volley.ledger.pool.query('select from timer where id = $1', [id])
    expect(timers.rowCount).to.equal(0)
    // Longer than the sweep takes.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(receiver.ids.filter((sent) => sent === id)).to.deep.equal([id])
  })

  it('passes over an event, and decides on the next ones of its partition', async () => {
    const push = (user_id: string) =>
      volley.call('POST', '/api/external/events', {
        events: [{ type: 'custom.purchase.completed', user_id, data: { total: 500, currency: 'EUR' } }],
      })
    await push('poison')
    await push('fine')
    const decided = await eventually(async () => {
      const { rows } = await volley.ledger.pool.query('select user_id from decision')
      expect(rows.length).to.be.above(0)
      return rows
    })
    expect(decided.every(({ user_id }) => user_id === 'fine')).to.equal(true)
    const letter = (await letters()).find(({ error }) => error === 'this decision is poison')
    expect(letter?.body.event.user_id).to.equal('poison')
  })
})
