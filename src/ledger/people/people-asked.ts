import type { Pool } from 'pg'
import type { Person } from '../../../actors/person.ts'
import { GroupCommit } from '../intake/group-commit.ts'
import { loadPeople } from './people.ts'
import { type PersonKey, personKey } from './person-key.ts'
import { readCurrent } from './read-people.ts'

/** Asks the ledger about people: requests that come at the same time share one question. */
export class PeopleAsked {
  readonly #pool: Pool
  readonly #reads: GroupCommit<PersonKey, Person | null>

  constructor(pool: Pool) {
    this.#pool = pool
    this.#reads = new GroupCommit({
      async commit(keys) {
        const found = await loadPeople(pool, keys)
        return keys.map((key) => found.get(personKey(key)) ?? null)
      },
      sizeOf: () => 1,
      namesOf: () => [],
      sizeMax: 200,
      flightsMax: 2,
      sizeBeside: 32,
      waitMsMax: 1,
    })
  }

  /** What is known of whoever an id belongs to by now; null where that is nothing. */
  async current(key: PersonKey): Promise<Person | null> {
    const person = await this.#reads.accept(key)
    // Few were joined to another; each of those is asked about by itself.
    return person === null || person.mergedInto === null ? person : readCurrent(this.#pool, key)
  }
}
