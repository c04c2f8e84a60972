import type { EndpointRegistry, RegisteredEndpoint } from '../endpoints/endpoint-registry.ts'
import type { RegisteredType, TypeRegistry } from './type-registry.ts'

const isEndpoint = (id: string) => id.startsWith('we_')

/** Action types and endpoints in one: to the engine both are types. */
export class AllTypes {
  readonly #types: TypeRegistry
  readonly #endpoints: EndpointRegistry

  constructor(types: TypeRegistry, endpoints: EndpointRegistry) {
    this.#types = types
    this.#endpoints = endpoints
  }

  cached(id: string): RegisteredType | undefined {
    return isEndpoint(id) ? this.#endpoints.cached(id) : this.#types.cached(id)
  }

  async byIds(ids: Iterable<string>): Promise<Map<string, RegisteredType>> {
    const all = [...new Set(ids)]
    const endpoints = all.filter(isEndpoint)
    if (endpoints.length === 0) return this.#types.byIds(all)
    const types = all.filter((id) => !isEndpoint(id))
    return new Map([...(await this.#types.byIds(types)), ...(await this.#endpoints.byIds(endpoints))])
  }

  byNames(tenant: string, names: Iterable<string>): Promise<Map<string, RegisteredType>> {
    return this.#types.byNames(tenant, names)
  }

  endpointsOf(tenant: string): readonly RegisteredEndpoint[] {
    return this.#endpoints.ofTenant(tenant)
  }

  isFresh(ms: number): boolean {
    return this.#types.isFresh(ms) && this.#endpoints.isFresh(ms)
  }

  /** Makes sure that no endpoint is missed that was there `ms` ago. */
  async followEndpoints(ms: number): Promise<void> {
    if (!this.#endpoints.isFresh(ms)) await this.#endpoints.refresh()
  }
}
