import { expect } from 'chai'
import { endFindings } from '../chaos/ends.ts'
import { cancelFindings, historyFindings, outcomeFindings } from '../chaos/histories.ts'
import type { Accepted, Fault, LedgerEnd, OwnerChange, Receipt, Row, Step } from '../chaos/observed.ts'
import { FAULT_KINDS, schedule } from '../chaos/schedule.ts'
import { limitFindings, tallySends } from '../chaos/sends.ts'

const T = Date.UTC(2026, 10, 21)

const action = (fields: Partial<Accepted> = {}): Accepted => ({
  id: 'ea_1',
  key: 'k1',
  awaitsOutcome: true,
  isSentOnce: false,
  inFlightMax: null,
  ...fields,
})

const row = (fields: Partial<Row> = {}): Row => ({
  id: 'ea_1',
  p: 7,
  status: 'completed',
  version: 1,
  attempt: 1,
  deadline: null,
  outcome: null,
  failureReason: null,
  ...fields,
})

/** The steps of an action, each as `kind from to answer`, a second apart from T + 1 s on. */
function history(...texts: string[]): Step[] {
  let attempt = 0
  return texts.map((text, index) => {
    const [kind, from, to, answer] = text.split(' ') as [string, Row['status'], Row['status'], string?]
    if (kind === 'result' || kind === 'ambiguous') attempt++
    const httpStatus = answer === undefined ? null : Number(answer)
    return {
      id: 'ea_1',
      version: index + 1,
      at: T + 1_000 * (index + 1),
      kind,
      from,
      to,
      attempt,
      httpStatus,
    }
  })
}

const ledger = (own: Row, steps: readonly Step[], more: Partial<LedgerEnd> = {}): LedgerEnd => ({
  now: T + 60_000,
  rows: new Map([[own.id, own]]),
  steps: new Map([[own.id, steps]]),
  deadLetters: [],
  factsWaiting: [],
  wrongTimers: [],
  takeovers: 0,
  workers: 1,
  ...more,
})
const kinds = (findings: { kind: string }[]) => findings.map(({ kind }) => kind)

describe('judging a history', () => {
  const sent = history('result pending completed 200')
  const cases: [string, Row, Step[], string[]][] = [
    ['finds nothing in one that is right', row(), sent, []],
    [
      'knows failed tries, a forced retry and a late outcome',
      row({ status: 'completed', version: 5, attempt: 3 }),
      history(
        'result pending retrying 500',
        'result retrying failed 500',
        'retry failed retrying',
        'result retrying dispatched 200',
        'outcome dispatched completed',
      ),
      [],
    ],
    [
      'finds a version that is missing',
      row({ version: 3, attempt: 2 }),
      history('result pending retrying 500', 'result retrying completed 200').map((step, index) => ({
        ...step,
        version: 1 + 2 * index,
      })),
      ['gap in a history'],
    ],
    [
      'finds a step that begins elsewhere than the last one ended',
      row({ version: 2, attempt: 2 }),
      history('result pending retrying 500', 'result pending completed 200'),
      ['illegal step'],
    ],
    [
      'finds a step that is no arrow',
      row({ status: 'dispatched', version: 2 }),
      history('result pending completed 200', 'retry completed dispatched'),
      ['illegal step'],
    ],
    [
      'finds a second outcome',
      row({ version: 2, attempt: 0 }),
      history('outcome pending completed', 'outcome completed failed'),
      ['illegal step', 'row is not its history'],
    ],
    [
      'finds an attempt that was not counted',
      row(),
      sent.map((s) => ({ ...s, attempt: 2 })),
      ['illegal step', 'row is not its history'],
    ],
    ['finds a row that is elsewhere', row({ status: 'failed' }), sent, ['row is not its history']],
    ['finds a row that moved without a history', row({ attempt: 0 }), [], ['row is not its history']],
  ]
  for (const [title, own, steps, expected] of cases) {
    it(title, () => {
      const found = kinds(historyFindings(ledger(own, steps)))
      expect(found.filter((kind, index) => found.indexOf(kind) === index)).to.deep.equal(expected)
    })
  }

  it('finds an acknowledged outcome that is not the one recorded', () => {
    const outcome = { status: 'partial' as const, result: { voice: 0 }, at: T }
    const end = ledger(row({ outcome }), [])
    expect(outcomeFindings([{ id: 'ea_1', status: 'partial', result: { voice: 0 } }], end)).to.deep.equal([])
    for (const told of [
      { id: 'ea_1', status: 'partial', result: { voice: 1 } },
      { id: 'ea_1', status: 'ignored', result: { voice: 0 } },
      { id: 'ea_2', status: 'partial', result: { voice: 0 } },
    ])
      expect(kinds(outcomeFindings([told], end))).to.deep.equal(['acknowledged outcome lost'])
  })

  it('finds a cancel that was answered and is not there', () => {
    expect(cancelFindings(['ea_1'], ledger(row(), history('cancel pending failed')))).to.deep.equal([])
    expect(kinds(cancelFindings(['ea_1'], ledger(row(), sent)))).to.deep.equal(['cancel lost'])
  })
})

describe('judging the ends', () => {
  const accepted = [action()]

  it('lets an action wait for an outcome whose deadline is far, and nothing else', () => {
    const dispatched = row({ status: 'dispatched', deadline: T + 61_000 })
    expect(endFindings(accepted, ledger(dispatched, []))).to.deep.equal([])
    for (const own of [
      row({ status: 'pending', deadline: T + 61_000 }),
      row({ status: 'retrying', deadline: T + 61_000 }),
      row({ status: 'dispatched', deadline: T + 59_000 }),
    ])
      expect(kinds(endFindings(accepted, ledger(own, [])))).to.deep.equal(['not ended'])
    const awaitsNone = [action({ awaitsOutcome: false })]
    expect(kinds(endFindings(awaitsNone, ledger(dispatched, [])))).to.deep.equal(['not ended'])
  })

  it('finds what is lost, what nobody was told of, and one answer to two requests', () => {
    const end = ledger(row({ id: 'ea_2' }), [])
    expect(kinds(endFindings(accepted, end))).to.deep.equal(['accepted and lost', 'made without an answer'])
    const twice = [...accepted, action({ key: 'k2' })]
    expect(kinds(endFindings(twice, ledger(row(), [])))).to.deep.equal(['told twice'])
  })

  it('finds dead letters, facts that nobody heard, and wrong timers', () => {
    const end = ledger(row(), [], {
      deadLetters: [{ id: 'dl_1', actionId: 'ea_1', error: 'boom' }],
      factsWaiting: ['ea_1'],
      wrongTimers: ['ea_1 lacks a timer'],
    })
    expect(kinds(endFindings(accepted, end))).to.deep.equal(['dead letter', 'fact not heard', 'wrong timer'])
  })
})

describe('judging what was sent', () => {
  const owners: OwnerChange[] = [{ p: 7, at: T - 60_000, owner: 'worker-1' }]
  const receipt = (afterMs: number, answer: Receipt['answer'] = 'ok'): Receipt => ({
    id: 'ea_1',
    at: T + afterMs,
    answer,
    together: 1,
  })
  const fault = (fields: Partial<Fault> = {}): Fault => ({
    kind: 'worker-kill',
    processes: ['worker-1'],
    from: T,
    until: T,
    ...fields,
  })
  const once = ledger(row(), history('result pending completed 200'))
  const tally = (end: LedgerEnd, receipts: Receipt[], faults: Fault[] = [], accepted = [action()]) => {
    const { overtaken, explained, unexplained, findings } = tallySends(end, {
      accepted,
      receipts,
      faults,
      owners,
    })
    return { overtaken, explained, unexplained, found: kinds(findings) }
  }
  const none = { overtaken: 0, explained: 0, unexplained: 0, found: [] as string[] }

  it('takes one POST an attempt', () => {
    expect(tally(once, [receipt(900)])).to.deep.equal(none)
  })

  it('finds a second POST that nothing explains', () => {
    const found = { ...none, unexplained: 1, found: ['unexplained duplicate'] }
    expect(tally(once, [receipt(800), receipt(900)])).to.deep.equal(found)
  })

  it('lets a fault of the owner near the POST explain one, and only one', () => {
    const two = [receipt(-500), receipt(900)]
    expect(tally(once, two, [fault()])).to.deep.equal({ ...none, explained: 1 })
    const three = tally(once, [receipt(-600), ...two], [fault()])
    expect(three).to.deep.equal({ ...none, explained: 1, unexplained: 1, found: ['unexplained duplicate'] })
  })

  it('takes no excuse from another worker, another time, or a kind of fault that costs nothing', () => {
    const two = [receipt(-500), receipt(900)]
    for (const other of [
      fault({ processes: ['worker-2'] }),
      fault({ from: T - 60_000, until: T - 60_000 }),
      fault({ from: T + 60_000, until: T + 60_000 }),
      fault({ kind: 'redis-flush' }),
      fault({ kind: 'worker-end' }),
      fault({ kind: 'web-kill' }),
    ])
      expect(tally(once, two, [other]).unexplained, JSON.stringify(other)).to.equal(1)
  })

  it('reaches back to when the ledger went away, since nothing was committed from then on', () => {
    const away = fault({ kind: 'postgres-fast', from: T - 9_000, until: T - 3_000 })
    const two = [receipt(-9_500), receipt(900)]
    expect(tally(once, two, [fault()]).unexplained).to.equal(1)
    expect(tally(once, two, [fault(), away])).to.deep.equal({ ...none, explained: 1 })
  })

  it('takes a POST whose outcome came before its result for what it is', () => {
    const overtaken = ledger(row({ attempt: 0 }), history('outcome pending completed'))
    expect(tally(overtaken, [receipt(500)])).to.deep.equal({ ...none, overtaken: 1 })
    for (const at of [-9_000, -500]) expect(tally(overtaken, [receipt(at)]).unexplained, `${at}`).to.equal(1)
    expect(tally(overtaken, [receipt(-400, 'hung')])).to.deep.equal({ ...none, overtaken: 1 })
  })

  it('finds an answer that no receiver gave, and takes a POST without an answer for a cut one', () => {
    expect(tally(once, [receipt(900, 'failed')]).found).to.include('attempt that was not received')
    const cut = ledger(row({ status: 'retrying' }), history('result pending retrying'))
    expect(tally(cut, [])).to.deep.equal(none)
    expect(tally(cut, [receipt(500, 'hung')])).to.deep.equal(none)
  })

  it('takes no excuse for a second POST of a type that must not be sent again', () => {
    const careful = [action({ isSentOnce: true })]
    expect(tally(once, [receipt(-500), receipt(900)], [fault()], careful).unexplained).to.equal(1)
    const ambiguous = ledger(row({ status: 'failed' }), history('ambiguous pending failed'))
    expect(tally(ambiguous, [receipt(-500)], [fault()], careful)).to.deep.equal(none)
  })

  it('lets the last POST of such a type have lost its result, since nothing was sent after it', () => {
    const careful = [action({ isSentOnce: true })]
    const reported = ledger(row({ attempt: 0 }), history('outcome pending completed'))
    const at = [receipt(-4_500)]
    expect(tally(reported, at, [fault({ from: T - 4_400, until: T - 4_400 })], careful).explained).to.equal(1)
    expect(tally(reported, at, [], careful).unexplained).to.equal(1)
  })

  it('finds more POSTs at a time than a type allows', () => {
    const receipts = [receipt(0), { ...receipt(100), together: 3 }]
    expect(limitFindings([action({ inFlightMax: 3 })], receipts)).to.deep.equal([])
    expect(limitFindings([action()], receipts)).to.deep.equal([])
    expect(kinds(limitFindings([action({ inFlightMax: 2 })], receipts))).to.deep.equal(['limit exceeded'])
  })

  it('takes no POST for an attempt that was recorded before it', () => {
    const found = tally(once, [receipt(1_100)])
    expect(found).to.deep.equal({
      ...none,
      unexplained: 1,
      found: ['unexplained duplicate', 'attempt that was not received'],
    })
  })

  it('finds a POST of an action that is not in the ledger', () => {
    const found = tally(once, [receipt(900), { ...receipt(0), id: 'ea_9' }]).found
    expect(found).to.deep.equal(['sent without a row'])
  })
})

describe('the schedule of faults', () => {
  const options = { seed: 5, fromMs: 3_000, untilMs: 480_000, everyMs: 3_500 }

  it('is the same for the same seed, and another for another', () => {
    expect(schedule(options)).to.deep.equal(schedule(options))
    expect(schedule({ ...options, seed: 6 })).to.not.deep.equal(schedule(options))
  })

  it('has each kind once in a minute, none of them cut off', () => {
    for (let seed = 0; seed < 200; seed++) {
      const planned = schedule({ ...options, seed, untilMs: 72_000 })
      expect(planned.map(({ kind }) => kind)).to.include.members(FAULT_KINDS)
      for (const { atMs, lastsMs } of planned) {
        expect(atMs).to.be.at.least(3_000)
        expect(atMs + lastsMs).to.be.at.most(72_000)
      }
    }
  })

  it('refuses a time that is too short for each kind', () => {
    expect(() => schedule({ ...options, untilMs: 50_000 })).to.throw(/every kind of fault once needs/)
  })
})
