import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'
import { type Ending, RudeClient } from '../support/rude-client.ts'
import { temporaryHome } from '../support/servers.ts'

const PATH = '/api/external/events'
const CONNECTIONS = 4
const USERS_EACH = 25
const EVENTS_A_USER = 100
const EVENTS = CONNECTIONS * USERS_EACH * EVENTS_A_USER

interface Sent {
  id: string
  type: string
  user_id: string
  data: { n: number }
}

/** A rule that answers every event, for an action that nobody can do: one decision an event, and nothing to send. */
function rulesThatDecide(): string {
  const folder = join(temporaryHome(), 'rules')
  mkdirSync(join(folder, 'recommendations'), { recursive: true })
  const rule = {
    name: 'count-every-step',
    on: ['custom.step.taken'],
    when: true,
    action: 'nothing_known',
    parameters: {},
    confidence: 1,
    reasoning: 'A step was taken.',
  }
  writeFileSync(
    join(folder, 'recommendations', 'steps.json'),
    JSON.stringify({ domain: 'steps', rules: [rule] }),
  )
  return folder
}

/** The same numbers in every run: a linear congruential generator, 0 to 1. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** What one connection sends: its users' events, mixed, each user's in order; one to eleven a request. */
function requestsOf(connection: number): Sent[][] {
  const next = chance(connection + 1)
  const left = Array.from({ length: USERS_EACH }, (_, user) => ({ user, n: 0 }))
  const events: Sent[] = []
  while (left.length > 0) {
    const at = Math.floor(next() * left.length)
    const { user, n } = left[at]!
    const user_id = `user-${connection}-${user}`
    events.push({ id: `${user_id}-${n}`, type: 'custom.step.taken', user_id, data: { n } })
    if (n + 1 === EVENTS_A_USER) left.splice(at, 1)
    else left[at]!.n = n + 1
  }
  const requests: Sent[][] = []
  for (let i = 0; i < events.length; ) {
    const size = next() < 0.5 ? 1 : 1 + Math.floor(next() * 11)
    requests.push(events.slice(i, i + size))
    i += size
  }
  return requests
}

describe('events that are sent twice while half of the requests are cut off', () => {
  let installation: Installation
  const endings: Record<Ending, number> = { answered: 0, halfway: 0, unanswered: 0 }

  before(async () => {
    installation = await Installation.start({ workers: 2, env: { VOLLEY_RULES: rulesThatDecide() } })
    // Whoever comes first has its key looked up, and the backlog counted.
    await installation.call('POST', PATH, { events: [{ type: 'custom.step.taken', user_id: 'first' }] })
  })
  after(() => installation.stop())

  /** Half of the requests of a connection are cut off; what has not arrived is sent again before the next one. */
  async function send(connection: number): Promise<void> {
    const client = new RudeClient(installation.url, installation.keys.live)
    const next = chance(1_000 + connection)
    for (const events of requestsOf(connection)) {
      const body = JSON.stringify({ events })
      const ending: Ending = next() < 0.5 ? 'answered' : next() < 0.2 ? 'halfway' : 'unanswered'
      endings[ending]++
      const answer =
        (await client.post(PATH, body, ending)) ??
        (ending === 'halfway' ? await client.post(PATH, body, 'answered') : null)
      if (answer === null) continue
      const { accepted, duplicates } = answer.body as { accepted: number; duplicates: number }
      expect([answer.status, accepted + duplicates]).to.deep.equal([202, events.length])
    }
    client.close()
  }

  it('are accepted once each, and processed in the order in which each user was sent', async () => {
    for (let time = 1; time <= 2; time++)
      await Promise.all(Array.from({ length: CONNECTIONS }, (_, connection) => send(connection)))
    const cut = endings.halfway + endings.unanswered
    expect(cut / (cut + endings.answered)).to.be.within(0.45, 0.55)

    const { pool } = installation.ledger
    const decided = await eventually(async () => {
      const { rows } = await pool.query<{ user: string; n: number }>(
        `select e.user_id as user, (e.data ->> 'n')::int as n from decision d join event e on e.id = d.event_id
         where e.user_id <> 'first' order by d.id`,
      )
      expect(rows.length).to.be.at.least(EVENTS)
      return rows
    }, 60_000)
    const stored = await pool.query<{ n: number; ids: number }>(
      `select count(*)::int as n, count(distinct dedupe_id)::int as ids from event where user_id <> 'first'`,
    )
    expect(stored.rows[0]).to.deep.equal({ n: EVENTS, ids: EVENTS })
    const numbers = new Map<string, number[]>()
    for (const { user, n } of decided) numbers.set(user, [...(numbers.get(user) ?? []), n])
    const inOrder = Array.from({ length: EVENTS_A_USER }, (_, n) => n)
    expect(numbers.size).to.equal(CONNECTIONS * USERS_EACH)
    for (const [user, all] of numbers) expect(all, user).to.deep.equal(inOrder)
  }).timeout(120_000)
})
