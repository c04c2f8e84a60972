import { expect } from 'chai'
import { loadDocuments } from '../../src/documents/documents.ts'
import {
  type OwnBounds,
  type OwnChange,
  type OwnDocument,
  OwnDocuments,
} from '../../src/documents/own-documents.ts'
import { Shelf } from '../../src/documents/shelf.ts'
import { heardLog } from '../support/heard-log.ts'

const FILES = loadDocuments(new URL('../../rules', import.meta.url).pathname)

/** Tenants' documents in a table that tells what was asked of it. */
class Table {
  readonly asked: string[][] = []
  readonly #rows = new Map<string, OwnDocument[]>()
  readonly #changes = new Map<string, OwnChange>()
  #stamp = 0
  /** Awaited after what is answered was read. */
  before: () => Promise<void> = async () => undefined

  put(tenant: string, ...documents: Omit<OwnDocument, 'tenant'>[]): void {
    this.#rows.set(
      tenant,
      documents.map((each) => ({ tenant, ...each })),
    )
    this.#changes.set(tenant, { tenant, stamp: String(++this.#stamp) })
  }

  changes = async () => [...this.#changes.values()]
  read = async (tenants: readonly string[]) => {
    this.asked.push([...tenants])
    const found = tenants.flatMap((tenant) => this.#rows.get(tenant) ?? [])
    await this.before()
    return found
  }
}

const scoring = (stage: string, version = 1) => ({
  kind: 'scoring' as const,
  name: 'default',
  version,
  share: 1,
  document: {
    name: 'default',
    lifecycle_stage: [{ is: stage, when: true }],
    activation_score: 1,
    engagement_score: 1,
    risk_level: [],
  },
})

describe('the documents of many tenants', () => {
  let table: Table
  let heard: ReturnType<typeof heardLog>
  let own: OwnDocuments
  const open = async (bounds?: OwnBounds) => {
    own = new OwnDocuments(table, heard.log, bounds)
    await own.hear()
  }
  const shelf = () => new Shelf(FILES, own)
  const stageOf = async (tenant: string, on = shelf()) => {
    await on.ready([tenant])
    const scored = on.scoringOf(tenant, 'u')!.score({ user: {}, now: '2026-01-01T00:00:00.000Z' })
    return scored.lifecycle_stage
  }
  beforeEach(() => {
    table = new Table()
    heard = heardLog()
  })

  it('are not read before they are needed, and then once', async () => {
    for (let n = 0; n < 10_000; n++) table.put(`t${n}`, scoring(`stage-${n}`))
    await open()
    expect(table.asked).to.deep.equal([])
    expect(await stageOf('t7')).to.equal('stage-7')
    expect(await stageOf('t7')).to.equal('stage-7')
    expect(table.asked).to.deep.equal([['t7']])
  })

  it('cost a tenant that has none neither a question nor a wait', async () => {
    table.put('t1', scoring('own'))
    await open()
    expect(own.isReady('t2')).to.equal(true)
    expect(shelf().scoringOf('t2', 'u')!.file).to.equal('rules/scoring/default.json')
    expect(table.asked).to.deep.equal([])
  })

  it('are never guessed: who asks before they were read is told so', async () => {
    table.put('t1', scoring('own'))
    await open()
    expect(() => shelf().scoringOf('t1', 'u')).to.throw(/tenant t1 were not read/)
    expect(() => shelf().forTenant('t1')).to.throw(/tenant t1 were not read/)
  })

  it('are those of the last change, though an older answer comes late', async () => {
    table.put('t1', scoring('old'))
    await open()
    const { promise, resolve: release } = Promise.withResolvers<void>()
    table.before = () => promise
    const first = own.ready(['t1'])
    await new Promise((resolve) => setImmediate(resolve))
    table.put('t1', scoring('new', 2))
    table.before = async () => undefined
    const second = own.hear()
    release()
    await Promise.all([first, second])
    expect(await stageOf('t1')).to.equal('new')
  })

  it('go out of force too', async () => {
    table.put('t1', scoring('own'))
    await open()
    expect(await stageOf('t1')).to.equal('own')
    table.put('t1')
    await own.hear()
    expect(shelf().scoringOf('t1', 'u')!.file).to.equal('rules/scoring/default.json')
  })

  it('say the same to the end of a turn that has begun', async () => {
    table.put('t1', scoring('old'))
    await open()
    const turn = shelf()
    expect(await stageOf('t1', turn)).to.equal('old')
    table.put('t1', scoring('new', 2))
    await own.hear()
    expect(await stageOf('t1', turn)).to.equal('old')
    expect(await stageOf('t1')).to.equal('new')
  })

  it('make room for others, those used longest ago first', async () => {
    for (const tenant of ['t1', 't2', 't3']) table.put(tenant, scoring(tenant))
    await open({ tenantsMax: 2, charactersMax: 1_000_000 })
    await stageOf('t1')
    await stageOf('t2')
    await stageOf('t1')
    await stageOf('t3')
    expect([own.isReady('t1'), own.isReady('t2'), own.isReady('t3')]).to.deep.equal([true, false, true])
    expect(await stageOf('t2')).to.equal('t2')
  })

  it('are bounded by what they hold, and not by their number alone', async () => {
    for (const tenant of ['t1', 't2', 't3']) table.put(tenant, scoring(tenant))
    await open({ tenantsMax: 100, charactersMax: 1 })
    for (const tenant of ['t1', 't2', 't3']) expect(await stageOf(tenant)).to.equal(tenant)
    expect([own.isReady('t1'), own.isReady('t2'), own.isReady('t3')]).to.deep.equal([false, false, true])
  })

  it('are asked for again where the answer failed', async () => {
    table.put('t1', scoring('old'))
    await open()
    await stageOf('t1')
    table.put('t1', scoring('new', 2))
    table.before = async () => {
      throw new Error('the ledger is away')
    }
    const failed = await own.hear().catch((error: Error) => error.message)
    expect(failed).to.equal('the ledger is away')
    expect(await stageOf('t1')).to.equal('old')
    table.before = async () => undefined
    await own.hear()
    expect(await stageOf('t1')).to.equal('new')
  })

  it('leave the file in force where this release cannot use one of them', async () => {
    table.put('t1', {
      ...scoring('x'),
      document: { name: 'default', lifecycle_stage: [{ is: 'x', when: { eq: 1 } }] },
    })
    await open()
    await shelf().ready(['t1'])
    const on = shelf()
    expect(on.scoringOf('t1', 'u')!.file).to.equal('rules/scoring/default.json')
    expect(heard.lines[0]).to.include({ tenant: 't1', kind: 'scoring', name: 'default' })
  })
})
