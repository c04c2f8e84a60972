import type { Person } from '../../actors/person.ts'
import type { AskedDocument, RuleBook, RuleShelf } from '../documents/rule-book.ts'
import { isLevelTrigger } from '../documents/triggers.ts'
import { type BudgetAsk, spendingKey } from '../ledger/decisions/spending-key.ts'
import type { StoredEvent } from '../ledger/events/events-unread.ts'
import type { DueRow } from '../ledger/people/due.ts'
import { personKey } from '../ledger/people/person-key.ts'
import type { RegisteredType } from '../ledger/tenants/type-registry.ts'
import type { Engine } from './engine.ts'
import { keyOf, typeHeard } from './hear-events.ts'
import type { TurnTx } from './ports.ts'

/** What a turn hears of people, and whom it looks at though nothing was said. */
export interface Occasions {
  events: readonly StoredEvent[]
  due: readonly DueRow[]
}

/** What deciding about people needs. */
export interface LoadedPeople {
  /** Whom events and due rows are about, as far as they are known, by their `personKey`. */
  people: Map<string, Person>
  /** The active types of each tenant, by name: what the rules that are asked may ask for. */
  types: Map<string, Map<string, RegisteredType>>
  /** Tenants for which is decided without sending. */
  inShadow: Set<string>
  /** What was spent of the budgets that may be drawn on, by their `spendingKey`. */
  spent: Map<string, number>
}

/** Reads all of it; the rules of these tenants are ready by then, and what was learnt about them. */
export async function loadPeople(engine: Engine, tx: TurnTx, occasions: Occasions): Promise<LoadedPeople> {
  const people = await peopleOf(tx, occasions)
  const asked = askedIn(engine.rules, occasions, people)
  return {
    people,
    types: await typesFor(engine, asked),
    inShadow: shadowOf(engine, occasions),
    spent: await budgetsFor(tx, asked),
  }
}

/** Whom it is about; the ledger is asked once, and only where there is somebody. */
export async function peopleOf(tx: TurnTx, { events, due }: Occasions): Promise<Map<string, Person>> {
  const keys = new Map([...events.map(keyOf), ...due].map((key) => [personKey(key), key]))
  return keys.size === 0 ? new Map() : tx.people([...keys.values()])
}

/** Documents that may be asked about somebody. */
interface Asked {
  tenant: string
  test: boolean
  documents: readonly AskedDocument[]
}

function askedIn(rules: RuleShelf, { events, due }: Occasions, people: ReadonlyMap<string, Person>): Asked[] {
  return [
    ...events.map((event): Asked => {
      const book = rules.forUser(event.tenant, keyOf(event).id)
      const byChanges = book.triggers.filter(isLevelTrigger).flatMap(({ key }) => book.firedBy(key))
      return { ...event, documents: [...book.askedBy(typeHeard(event)), ...byChanges] }
    }),
    ...due.map((row): Asked => {
      const book = rules.forUser(row.tenant, row.id)
      const fired = book.triggers.flatMap(({ key }) => book.firedBy(key))
      const asks = people.get(personKey(row))?.standing.asks ?? []
      return { ...row, documents: [...fired, ...asks.flatMap(({ domain }) => allOf(book, domain))] }
    }),
  ]
}

/** A whole domain, as it is asked where nothing in particular asks; empty where it is no more. */
export const allOf = ({ documents }: RuleBook, domain: string): AskedDocument[] =>
  documents.flatMap((document) => (document.domain === domain ? [{ document, rules: document.rules }] : []))

/** Tenants for which is decided without sending. */
function shadowOf(engine: Engine, { events, due }: Occasions): Set<string> {
  return new Set(
    [...events, ...due].flatMap(({ tenant }) =>
      engine.tenants.sendingOf(tenant) === 'shadow' ? [tenant] : [],
    ),
  )
}

/** What was spent of the budgets of all domains that are asked; a test key spends nothing. */
function budgetsFor(tx: TurnTx, asked: readonly Asked[]): Promise<Map<string, number>> {
  const asks = new Map<string, BudgetAsk>()
  for (const { tenant, test, documents } of asked) {
    if (test) continue
    for (const { document } of documents) {
      const { domain, policy } = document
      if (policy.budget === null) continue
      const ask = { tenant, domain, days: policy.budget.days }
      asks.set(spendingKey(ask), ask)
    }
  }
  return tx.budgets([...asks.values()])
}

/** The active types that these documents may ask for; what was learnt about them is ready by then, too. */
async function typesFor(engine: Engine, asked: readonly Asked[]): Promise<LoadedPeople['types']> {
  const names = new Map<string, Set<string>>()
  for (const { tenant, documents } of asked) {
    if (documents.length === 0) continue
    const wanted = names.get(tenant) ?? new Set()
    for (const { rules } of documents) for (const { action } of rules) wanted.add(action)
    names.set(tenant, wanted)
  }
  await engine.lessons.ready(names.keys())
  const types: LoadedPeople['types'] = new Map()
  for (const [tenant, wanted] of names) types.set(tenant, await engine.registry.byNames(tenant, wanted))
  return types
}
