/** A text in a file, and what stands in its place when the guard is gone. */
export interface Patch {
  file: string
  from: string
  to: string
}

/** One guard of the engine, and how to take it away. */
export interface Mutation {
  guard: string
  /** What the simulated engine is without it. */
  engine: readonly Patch[]
  /** What the statements of the real ledger are without it; empty where the guard is none of the ledger's. */
  ledger: readonly Patch[]
}

const patch = (file: string, from: string, to: string): Patch => ({ file, from, to })

/**
 * Every guard stands in one place of the engine, or in one statement of the ledger and in its model. Without it the
 * simulation must find a breach; without it in the statement, the contract of the ledger must fail.
 */
export const MUTATIONS: readonly Mutation[] = [
  {
    guard: 'what a silence was told is remembered',
    engine: [patch('actors/due.ts', 'told[trigger.key] = crossing.mark', 'void told')],
    ledger: [patch('src/ledger/people/people.ts', 'standing = excluded.standing, ', '')],
  },
  {
    guard: 'who is due is looked at again',
    engine: [patch('test/sim/turn-model.ts', '  tables.due.set(dueKey(row), row)\n', '')],
    ledger: [patch('src/ledger/people/people.ts', 'where due_at is not null and', 'where false and')],
  },
  {
    guard: 'people who are due wait behind their events',
    engine: [patch('src/turn/load.ts', 'at < late || !moreEvents.includes(p)', 'at < late || p >= 0')],
    ledger: [],
  },
  {
    guard: 'fence',
    engine: [
      patch(
        'src/turn/turn.ts',
        'disown(engine, work, owned, fence)',
        'disown(engine, work, owned, { ...fence, partitions: owned })',
      ),
      patch('test/sim/turn-model.ts', 'if (row === undefined || row.deadAt !== null) return null', ''),
    ],
    ledger: [
      patch('src/ledger/turn-transaction.ts', 'and w.dead_at is null for share of w', 'for share of w'),
    ],
  },
  {
    guard: 'fence held until the commit',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of source text
    engine: [patch('test/sim/turn-model.ts', "[[`w:${worker}`, 'share']]", '[]')],
    ledger: [
      patch(
        'src/ledger/turn-transaction.ts',
        'and w.dead_at is null for share of w',
        'and w.dead_at is null',
      ),
    ],
  },
  {
    guard: 'version guard',
    engine: [
      patch(
        'test/sim/turn-model.ts',
        'state.version === before.version && state.nextAt === before.nextAt',
        'state.version === before.version || before.version >= 0',
      ),
    ],
    ledger: [
      patch(
        'src/ledger/actions/transitions.ts',
        'and a.version = x.before\n    and a.next_at is not distinct from to_timestamp(x.next_before / 1000)',
        '',
      ),
    ],
  },
  {
    guard: 'tombstone',
    engine: [patch('src/turn/held.ts', ' || this.#tombstones.has(row.id)', '')],
    ledger: [],
  },
  {
    guard: 'check before POST',
    engine: [patch('src/turn/send.ts', '    engine.ownership.isAlive() &&\n', '')],
    ledger: [],
  },
  {
    guard: 'outcome uniqueness',
    engine: [patch('test/sim/ledger-model.ts', 'if (facts.has(factKey(fact))) return false', '')],
    ledger: [
      patch(
        'src/ledger/actions/accept-facts.ts',
        "'outcome', 0, version",
        "'outcome', nextval('event_seq')::int, version",
      ),
    ],
  },
  {
    guard: 'lane skip',
    engine: [
      patch('src/turn/feeder.ts', 'const SLICES_A_PAGE = 2_000', 'const SLICES_A_PAGE = 6'),
      patch('test/sim/lanes-model.ts', 'lanes.get(timer.lane)', 'lanes.get(timerKey(timer))'),
      patch('test/sim/lanes-model.ts', 'lanes.set(timer.lane, timer)', 'lanes.set(timerKey(timer), timer)'),
      patch(
        'test/sim/lanes-model.ts',
        '.filter((timer) => laneNumber(timer.lane) > laneNumber(lane))',
        '.filter((timer) => laneNumber(timer.lane) > laneNumber(SLEEP_LANE))',
      ),
      patch(
        'test/sim/lanes-model.ts',
        '.sort((a, b) => (laneNumber(a.lane) < laneNumber(b.lane) ? -1 : 1))',
        '.sort(byTime)',
      ),
    ],
    ledger: [
      patch(
        'src/ledger/actions/lanes-due.ts',
        't.p = l.p and t.lane > l.lane',
        't.p = l.p and (t.lane, t.at) > (l.lane, l.at)',
      ),
    ],
  },
  {
    guard: 'claimed',
    engine: [
      patch(
        'src/turn/load.ts',
        'return !type.terms.mayRepeat && claimed !== null',
        'return false && claimed !== null',
      ),
    ],
    ledger: [],
  },
  {
    guard: 'a cancel is decided on outside the lanes',
    engine: [patch('src/turn/load.ts', 'for (const id of reserved) engine.held.reserve(id)', '')],
    ledger: [],
  },
  {
    guard: 'an unknown commit is read again',
    engine: [patch('src/turn/turn.ts', '    distrust(engine, attempted)\n', '')],
    ledger: [],
  },
  {
    guard: 'what is on the wire is put off when it is handed over',
    engine: [
      patch(
        'test/sim/ledger-model.ts',
        'if (stored.row.state.nextAt >= now + remainingMs) continue',
        'continue',
      ),
    ],
    ledger: [
      patch('src/ledger/ownership/workers.ts', 'a.next_at < now() + x.ms', 'a.next_at > now() + x.ms'),
    ],
  },
  {
    guard: 'what is told is written with what happened',
    engine: [
      patch(
        'test/sim/turn-model.ts',
        'await this.#ask([], () => insertActions(this.#postgres, this.#transaction, notifications))',
        'if (this.#postgres.world.random.next() < 0.9) await this.#ask([], () => insertActions(this.#postgres, this.#transaction, notifications))',
      ),
    ],
    ledger: [
      patch('src/ledger/turn-transaction.ts', 'await insertActions(this.client, decided.notifications)', ''),
    ],
  },
  {
    guard: 'what came of an action is written with its end',
    engine: [
      patch(
        'test/sim/turn-model.ts',
        'if (reports.length > 0) await',
        'if (reports.length > 0 && this.#postgres.world.random.next() < 0.9) await',
      ),
    ],
    ledger: [patch('src/ledger/turn-transaction.ts', 'await insertPassed(this.client, decided.reports)', '')],
  },
  {
    guard: 'events wait for older transactions',
    engine: [
      patch('test/sim/turn-model.ts', 'isReady: event.xid < this.#postgres.oldestXid', 'isReady: true'),
    ],
    ledger: [
      patch(
        'src/ledger/events/events-unread.ts',
        'xid < pg_snapshot_xmin(pg_current_snapshot()) as "isReady"',
        'true as "isReady"',
      ),
    ],
  },
  {
    guard: 'the dead are buried',
    engine: [
      patch(
        'test/sim/ledger-model.ts',
        'if (!isAlive(postgres, worker)) return false\n  const until',
        'return false\n  const until',
      ),
    ],
    ledger: [
      patch(
        'src/ledger/ownership/workers.ts',
        'exists (select from beat where worker = $1 and until < now())',
        'false',
      ),
    ],
  },
  {
    guard: 'a cancel waits for the wire',
    engine: [
      patch(
        'src/turn/decide-actions.ts',
        'subject.isOnWire && WAITS_FOR_WIRE.includes(fact.kind)',
        "subject.isOnWire && fact.kind === 'retry'",
      ),
    ],
    ledger: [],
  },
  {
    guard: 'what waited for the wire is heard',
    engine: [
      patch(
        'src/turn/settle.ts',
        'if (engine.waitingOnWire.delete(held.id)) engine.agenda.hintFacts(held.p)',
        '',
      ),
    ],
    ledger: [],
  },
  {
    guard: 'what was claimed and not sent is known',
    engine: [
      patch(
        'src/turn/turn.ts',
        '      for (const { id, p } of leaves.claims) engine.unsent.set(id, p)\n',
        '',
      ),
    ],
    ledger: [],
  },
]
