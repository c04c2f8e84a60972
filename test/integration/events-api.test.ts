import { once } from 'node:events'
import { get } from 'node:http'
import { expect } from 'chai'
import { Client } from 'pg'
import { newId } from '../../src/ids.ts'
import { eventually } from '../support/eventually.ts'
import { Installation } from '../support/installation.ts'

/** A client of server-sent events that keeps what it was told, as a browser would. */
class Listener {
  readonly events: any[] = []
  lastId: string | null = null
  isOver = false
  status = 0
  headers: Record<string, unknown> = {}
  readonly #request: ReturnType<typeof get>
  #text = ''

  private constructor(url: string, headers: Record<string, string>) {
    this.#request = get(url, { headers }, (answer) => {
      this.status = answer.statusCode!
      this.headers = answer.headers
      answer.setEncoding('utf8')
      answer.on('data', (text: string) => this.#read(text))
      answer.once('close', () => {
        this.isOver = true
      })
    })
    this.#request.on('error', () => {
      this.isOver = true
    })
  }

  static async open(
    here: Installation,
    {
      query = '',
      after = null,
      key = here.keys.live,
    }: { query?: string; after?: string | null; key?: string } = {},
  ): Promise<Listener> {
    const listener = new Listener(`${here.url}/api/events/stream${query}`, {
      authorization: `Bearer ${key}`,
      ...(after === null ? {} : { 'last-event-id': after }),
    })
    await once(listener.#request, 'response')
    // The first id says that it has begun.
    if (after === null) await eventually(() => expect(listener.lastId).to.not.equal(null))
    return listener
  }

  get types(): string[] {
    return this.events.map(({ type }) => type)
  }

  close(): void {
    this.#request.destroy()
  }

  #read(text: string): void {
    const blocks = (this.#text + text).split('\n\n')
    this.#text = blocks.pop()!
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      )
      if (fields.id !== undefined) this.lastId = fields.id
      if (fields.data !== undefined) this.events.push(JSON.parse(fields.data))
    }
  }
}

describe('GET /api/events', () => {
  let here: Installation

  before(async () => {
    here = await Installation.start()
    await push('acme-1', ['custom.a', 'custom.b', 'custom.a'])
    await push('acme-2', ['custom.b'], { key: here.keys.test })
    await here.call('POST', '/api/connectors/segment', [
      { type: 'identify', userId: 'acme-2', traits: { plan: 'pro' }, messageId: 'm-1' },
      { type: 'track', event: 'Seen', anonymousId: 'acme-3', timestamp: '2026-04-01T00:00:00Z' },
    ])
    await push('other-1', ['custom.a'], { key: here.keys.other })
  })
  after(() => here.stop())

  const push = (user_id: string, types: string[], options: { key?: string } = {}) =>
    here.call('POST', '/api/external/events', { events: types.map((type) => ({ type, user_id })) }, options)

  const list = async (query = '', key?: string) =>
    (await here.call('GET', `/api/events${query}`, undefined, key === undefined ? {} : { key })).body
  const types = async (query: string) => (await list(query)).events.map(({ type }: any) => type)

  it('lists what came in, the newest first, for its own tenant alone', async () => {
    const { events, next_cursor } = await list()
    expect(events.map(({ type, user_id }: any) => [type, user_id])).to.deep.equal([
      ['Seen', 'acme-3'],
      ['$traits', 'acme-2'],
      ['custom.b', 'acme-2'],
      ['custom.a', 'acme-1'],
      ['custom.b', 'acme-1'],
      ['custom.a', 'acme-1'],
    ])
    expect(next_cursor).to.equal(null)
    expect((await list('', here.keys.other)).events).to.have.length(1)
  })

  it('shows an event with all that is kept of it', async () => {
    const [{ id, received_at, ...event }] = (await list('?type=Seen')).events
    expect(id).to.match(/^ev_/)
    expect(Date.parse(received_at)).to.be.closeTo(Date.now(), 60_000)
    expect(event.dedupe_id).to.match(/^sha256:/)
    expect(event).to.deep.include({
      kind: 'event',
      user_id: 'acme-3',
      anonymous: true,
      data: {},
      time: '2026-04-01T00:00:00.000Z',
      source: 'segment',
      test: false,
      decides: true,
    })
  })

  it('is filtered by user, type, source, kind, mode and time of receipt', async () => {
    expect(await types('?user_id=acme-1')).to.deep.equal(['custom.a', 'custom.b', 'custom.a'])
    expect(await types('?type=custom.b')).to.deep.equal(['custom.b', 'custom.b'])
    expect(await types('?source=segment')).to.deep.equal(['Seen', '$traits'])
    expect(await types('?kind=traits')).to.deep.equal(['$traits'])
    expect(await types('?test=true')).to.deep.equal(['custom.b'])
    expect(await types('?test=false&source=api')).to.have.length(3)
    const { received_at } = (await list('?source=segment')).events[0]
    expect(await types(`?since=${received_at}&source=segment`)).to.deep.equal(['Seen', '$traits'])
    expect(await types(`?until=${received_at}&source=segment`)).to.deep.equal([])
    expect(await types('?since=2000-01-01T00:00:00Z&until=2000-01-02T00:00:00Z')).to.deep.equal([])
  })

  it('goes page by page to its end', async () => {
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page = await list(`?limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`)
      seen.push(...page.events.map(({ id }: any) => id))
      cursor = page.next_cursor
    }
    expect(seen).to.deep.equal((await list()).events.map(({ id }: any) => id))
  })

  it('looks at ten thousand events for a page, and goes on behind them', async () => {
    const { rows } = await here.ledger.pool.query(`select id from tenant where slug = 'other'`)
    await here.ledger.pool.query(
      `insert into event (id, p, tenant, user_id, type, data, time, source)
       select $2 || lpad(n::text, 6, '0'), 0, $1, 'u', 'filler', '{}', now(), 'api' from generate_series(1, 20500) n`,
      [rows[0].id, newId('ev').slice(0, -6)],
    )
    const pages: number[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: any = await list(
        `?type=custom.a${cursor === '' ? '' : `&cursor=${cursor}`}`,
        here.keys.other,
      )
      pages.push(page.events.length)
      cursor = page.next_cursor
    }
    expect(pages).to.deep.equal([0, 0, 1])
  })

  for (const [what, query, path] of [
    ['a kind that is none', '?kind=visit', '/kind'],
    ['a cursor of another list', '?cursor=abc', '/cursor'],
    ['a day that does not exist', '?since=2026-02-30T00:00:00Z', '/since'],
    ['a filter that is none', '?usr=1', '/usr'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const { status, body } = await here.call('GET', `/api/events${query}`)
      expect([status, body.details[0].path]).to.deep.equal([400, path])
    })
  }

  describe('as a stream', () => {
    const open: Listener[] = []
    const listen = async (options?: Parameters<typeof Listener.open>[1]) => {
      const listener = await Listener.open(here, options)
      open.push(listener)
      return listener
    }
    afterEach(() => {
      for (const listener of open.splice(0)) listener.close()
    })

    it('tells what comes in from now on, in order, as the list shows it', async () => {
      const listener = await listen()
      expect(listener.headers['content-type']).to.equal('text/event-stream; charset=utf-8')
      await push('streamed', ['custom.first', 'custom.second'])
      await eventually(() => expect(listener.types).to.deep.equal(['custom.first', 'custom.second']))
      expect(listener.events.toReversed()).to.deep.equal((await list('?user_id=streamed')).events)
    })

    it('tells each watcher what it asked for, and nothing of another tenant', async () => {
      const byUser = await listen({ query: '?user_id=picked' })
      const byTest = await listen({ query: '?test=true&type=custom.x' })
      const other = await listen({ key: here.keys.other })
      await push('unpicked', ['custom.x'])
      await push('picked', ['custom.y'])
      await push('tested', ['custom.x', 'custom.y'], { key: here.keys.test })
      await push('others', ['custom.o'], { key: here.keys.other })
      await eventually(() => {
        expect(byUser.types).to.deep.equal(['custom.y'])
        expect(byTest.events.map(({ user_id, type }) => [user_id, type])).to.deep.equal([
          ['tested', 'custom.x'],
        ])
        expect(other.types).to.deep.equal(['custom.o'])
      })
    })

    it('goes on where a client left, without a gap and without a repeat', async () => {
      const first = await listen()
      await push('resumed', ['custom.one'])
      await eventually(() => expect(first.types).to.deep.equal(['custom.one']))
      first.close()
      for (let i = 0; i < 3; i++) await push(`resumed-${i}`, ['custom.missed', 'custom.too'])
      const second = await listen({ after: first.lastId! })
      await push('resumed', ['custom.live'])
      await eventually(() =>
        expect(second.types).to.deep.equal([
          ...Array(3).fill(['custom.missed', 'custom.too']).flat(),
          'custom.live',
        ]),
      )
    })

    it('goes on from where it began for a client that was told of nothing', async () => {
      const first = await listen()
      first.close()
      await push('unseen', ['custom.unseen'])
      const second = await listen({ after: first.lastId! })
      await eventually(() => expect(second.types).to.deep.equal(['custom.unseen']))
    })

    it('leaves out nothing that is committed late', async () => {
      const listener = await listen()
      const slow = new Client({ connectionString: here.config.databaseUrl! })
      await slow.connect()
      await slow.query('begin')
      await slow.query(
        `insert into event (id, p, tenant, user_id, type, data, time, source)
         select $1, p, tenant, 'late', 'custom.late', '{}', now(), 'api' from event where user_id = 'acme-1' limit 1`,
        [newId('ev')],
      )
      await push('early', ['custom.early'])
      // What comes after a transaction that still runs is told behind it.
      const { rows } = await here.ledger.pool.query(
        `select count(*)::int as n from event where user_id = 'early'`,
      )
      expect(rows[0].n).to.equal(1)
      await slow.query('commit')
      await slow.end()
      await eventually(() => expect(listener.types).to.deep.equal(['custom.late', 'custom.early']))
    })

    it('tells twenty at once', async () => {
      const listeners = await Promise.all(Array.from({ length: 20 }, () => listen()))
      await push('watched', ['custom.watched'])
      await eventually(() => {
        for (const listener of listeners) expect(listener.types).to.deep.equal(['custom.watched'])
      })
    })

    it('refuses an id that is none of its own, and believes none that the ledger has not reached', async () => {
      for (const after of ['abc', '1', '99999999999999999999.1', '1.9999999999999999999']) {
        const { status, body } = await here.call('GET', '/api/events/stream', undefined, {
          headers: { 'last-event-id': after },
        })
        expect([status, body.code], after).to.deep.equal([400, 'invalid_header'])
      }
      const listener = await listen({ after: '18446744073709551615.1' })
      await eventually(() => expect(listener.lastId).to.not.equal(null))
      await push('believed', ['custom.believed'])
      await eventually(() => expect(listener.types).to.deep.equal(['custom.believed']))
    })

    it('ends with the web process, at once', async () => {
      const there = await Installation.start()
      const listener = await Listener.open(there)
      const startedAt = performance.now()
      await there.stop()
      expect(performance.now() - startedAt).to.be.below(4_000)
      await eventually(() => expect(listener.isOver).to.equal(true))
    })

    it('takes a hundred watchers of a tenant, and no more', async () => {
      const many = await Promise.all(Array.from({ length: 100 }, () => listen({ key: here.keys.other })))
      expect(many.every(({ status }) => status === 200)).to.equal(true)
      const { status, body } = await here.call('GET', '/api/events/stream', undefined, {
        key: here.keys.other,
      })
      expect([status, body.code]).to.deep.equal([429, 'too_many_streams'])
      many[0]!.close()
      await eventually(async () => {
        const again = await Listener.open(here, { key: here.keys.other, after: many[1]!.lastId })
        again.close()
        expect(again.status).to.equal(200)
      })
    })
  })
})
