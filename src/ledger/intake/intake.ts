import type { Pool } from 'pg'
import { type Acceptance, type ActionRequest, commitActions } from '../actions/accept-actions.ts'
import type { NewAction } from '../actions/insert-actions.ts'
import { insertDecisions, type NewDecision } from '../decisions/decisions.ts'
import { commitEvents, type EventOrigin, type EventRequest, type NewEvent } from '../events/accept-events.ts'
import { GroupCommit } from './group-commit.ts'
import type { OnceKey } from './once.ts'

/** Some milliseconds of Postgres, and far from what makes one statement slow. */
const ROWS_MAX = 1_000
/** They are larger. */
const DECISIONS_MAX = 200
const FLIGHTS = { flightsMax: 4, sizeBeside: 64, waitMsMax: 3 }

/** What a web process accepts. Requests that come at the same time share a commit, and are answered after it. */
export class Intake {
  readonly #events: GroupCommit<EventRequest, readonly NewEvent[]>
  readonly #actions: GroupCommit<ActionRequest<unknown>, Acceptance<unknown>>
  readonly #decisions: GroupCommit<NewDecision, void>

  constructor(pool: Pool) {
    this.#events = new GroupCommit({
      commit: (requests) => commitEvents(pool, requests),
      sizeOf: ({ events }) => events.length,
      namesOf: usersOf,
      sizeMax: ROWS_MAX,
      ...FLIGHTS,
    })
    this.#actions = new GroupCommit({
      commit: (requests) => commitActions(pool, requests),
      sizeOf: ({ rows }) => rows.length,
      namesOf: ({ once }) => (once === null ? [] : [`${once.tenant} ${once.scope} ${once.key}`]),
      sizeMax: ROWS_MAX,
      ...FLIGHTS,
    })
    this.#decisions = new GroupCommit({
      async commit(decisions) {
        await insertDecisions(pool, decisions)
        return decisions.map(() => undefined)
      },
      sizeOf: () => 1,
      namesOf: () => [],
      sizeMax: DECISIONS_MAX,
      ...FLIGHTS,
    })
  }

  /** Commits events in their order and gives those that were new: an id seen before, or twice here, counts once. */
  events(origin: EventOrigin, events: readonly NewEvent[]): Promise<readonly NewEvent[]> {
    return this.#events.accept({ origin, events })
  }

  /** Commits actions, at most once where a key is given; `answer` is as in `acceptActions`. */
  actions<T>(
    rows: readonly NewAction[],
    once: OnceKey | null,
    answer: (acceptedAt: number) => T,
  ): Promise<Acceptance<T>> {
    // What comes back was made by the very `answer` that was handed in.
    return this.#actions.accept({ rows, once, answer }) as Promise<Acceptance<T>>
  }

  /** Commits a decision. */
  decision(decision: NewDecision): Promise<void> {
    return this.#decisions.accept(decision)
  }
}

/** Whoever the events of a request are about. */
function usersOf({ origin, events }: EventRequest): string[] {
  const users = new Set<string>()
  for (const { kind, userId, data } of events) {
    users.add(`${origin.tenant} ${userId}`)
    // A join lies among the rows of its previous id.
    if (kind === 'join')
      users.add(`${origin.tenant} ${(JSON.parse(data) as { previousId: string }).previousId}`)
  }
  return [...users]
}
