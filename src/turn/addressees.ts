import type { Person } from '../../actors/person.ts'
import type { Clock } from '../clock.ts'
import { type PersonKey, personKey } from '../ledger/person-key.ts'
import type { HeldAction } from './held.ts'
import type { EngineLedger } from './ports.ts'

/** What a body says of its user is read no longer before than this. */
const KNOWN_MS = 1_000
const PEOPLE_A_READ = 500

/** Told once who the user of an action is, or that it could not be read. */
type Told = (error: unknown) => void

/** Whom actions are for, where what is sent of them says so: read many at a time, beside the turn. */
export class Addressees {
  readonly #ledger: Pick<EngineLedger, 'currentPeople'>
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #known = new WeakMap<HeldAction, { person: Person | null; until: number }>()
  #asking: { action: HeldAction; told: Told }[] = []
  #reading: Promise<void> | undefined

  constructor(ledger: Pick<EngineLedger, 'currentPeople'>, clock: Pick<Clock, 'monotonicMs'>) {
    this.#ledger = ledger
    this.#clock = clock
  }

  /** Whether what is known of an action's user was read just now. */
  isFresh(action: HeldAction): boolean {
    const known = this.#known.get(action)
    return known !== undefined && this.#clock.monotonicMs() < known.until
  }

  /** What was read last of an action's user, null: nothing is known of them. Undefined where nothing was read. */
  of(action: HeldAction): Person | null | undefined {
    return this.#known.get(action)?.person
  }

  /** Reads who the user of an action is; `told` is called once, with the error where that failed. */
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
      const asking = this.#asking.splice(0, PEOPLE_A_READ)
      const error = await this.#readSome(asking.map(({ action }) => action))
      for (const { told } of asking) told(error)
    }
  }

  async #readSome(actions: readonly HeldAction[]): Promise<unknown> {
    const keys = new Map(actions.map(keyOf).map((key) => [personKey(key), key]))
    try {
      const people = await this.#ledger.currentPeople([...keys.values()])
      const until = this.#clock.monotonicMs() + KNOWN_MS
      for (const action of actions)
        this.#known.set(action, { person: people.get(personKey(keyOf(action))) ?? null, until })
      return null
    } catch (error) {
      return error ?? new Error('unknown')
    }
  }
}

/** What is sent is never of a test key, whose users are others. */
const keyOf = ({ row }: HeldAction): PersonKey => ({ tenant: row.tenant, test: false, id: row.userId })
