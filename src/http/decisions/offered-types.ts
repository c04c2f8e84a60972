import type { RuleDocument } from '../../documents/rule-book.ts'
import type { RegisteredType, TypeRegistry } from '../../ledger/tenants/type-registry.ts'

export interface OfferedTypesOptions {
  registry: Pick<TypeRegistry, 'byNames'>
  /** The monotonic clock, in ms. */
  now(): number
}

type Types = ReadonlyMap<string, RegisteredType>

/** What is known may be so old: a type that is new, or was changed, counts from then on. */
const FRESH_MS = 1_000
const TENANTS_MAX = 2_000

/**
 * The action types that a document offers, by tenant. A name that nobody has registered is the client's own business,
 * and is not asked for again each time.
 */
export class OfferedTypes {
  readonly #options: OfferedTypesOptions
  readonly #known = new WeakMap<RuleDocument, Map<string, { types: Promise<Types>; readAt: number }>>()

  constructor(options: OfferedTypesOptions) {
    this.#options = options
  }

  async of(tenant: string, document: RuleDocument): Promise<Types> {
    const now = this.#options.now()
    let byTenant = this.#known.get(document)
    if (byTenant === undefined || byTenant.size > TENANTS_MAX) {
      byTenant = new Map()
      this.#known.set(document, byTenant)
    }
    const known = byTenant.get(tenant)
    if (known !== undefined && now - known.readAt < FRESH_MS) return known.types
    const names = document.rules.map(({ action }) => action)
    const types = this.#options.registry.byNames(tenant, names)
    byTenant.set(tenant, { types, readAt: now })
    // What failed is asked for again at once.
    types.catch(() => byTenant.delete(tenant))
    return types
  }
}
