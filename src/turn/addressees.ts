import type { Person } from '../../actors/person.ts'
import { type PersonKey, personKey } from '../ledger/people/person-key.ts'
import type { Engine } from './engine.ts'
import type { HeldAction } from './held.ts'

/** What a body says of its user is read no longer before than this. */
const KNOWN_MS = 1_000
const ACTIONS_A_READ = 500

/** Told once that what a request says was read, null, or why it could not be. */
type Told = (error: Error | null) => void

/** What requests say beside their action: the mappings of its tenant and who its user is, read many at a time beside the turn. */
export class Addressees {
  readonly #parts: Pick<Engine, 'ledger' | 'clock' | 'latestRules'>
  readonly #known = new WeakMap<HeldAction, { person: Person | null; until: number }>()
  readonly #asking: { action: HeldAction; told: Told }[] = []
  #reading: Promise<void> | undefined

  constructor(parts: Pick<Engine, 'ledger' | 'clock' | 'latestRules'>) {
    this.#parts = parts
  }

  /** Whether what is known of an action's user was read just now. */
  isFresh(action: HeldAction): boolean {
    const known = this.#known.get(action)
    return known !== undefined && this.#parts.clock.monotonicMs() < known.until
  }

  /** What was read last of an action's user, null: nothing is known of them. Undefined where nothing was read. */
  of(action: HeldAction): Person | null | undefined {
    return this.#known.get(action)?.person
  }

  /** Reads what a request says of this action; `told` is called once. */
  read(action: HeldAction, told: Told): void {
    this.#asking.push({ action, told })
    // Whatever else is taken from the lanes at the same time shares the question.
    this.#reading ??= Promise.resolve()
      .then(() => this.#readAll())
      .finally(() => {
        this.#reading = undefined
      })
  }

  async #readAll(): Promise<void> {
    while (this.#asking.length > 0) {
      const asking = this.#asking.splice(0, ACTIONS_A_READ)
      const error = await this.#readSome(asking.map(({ action }) => action))
      for (const { told } of asking) told(error)
    }
  }

  async #readSome(actions: readonly HeldAction[]): Promise<Error | null> {
    const { clock, latestRules, ledger } = this.#parts
    const keys = new Map(actions.map(keyOf).map((key) => [personKey(key), key]))
    try {
      await latestRules().ready(actions.map(({ row }) => row.tenant))
      const people = await ledger.currentPeople([...keys.values()])
      const until = clock.monotonicMs() + KNOWN_MS
      for (const action of actions)
        this.#known.set(action, { person: people.get(personKey(keyOf(action))) ?? null, until })
      return null
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }
}

/** What is sent is never of a test key, whose users are others. */
const keyOf = ({ row }: HeldAction): PersonKey => ({ tenant: row.tenant, test: false, id: row.userId })
