import { compileFilter } from '../../documents/endpoint-filter.ts'
import { compileEndpointMapping } from '../../documents/endpoint-mapping.ts'
import { type RegisteredEndpoint, registeredEndpoint } from '../../ledger/endpoints/endpoint-registry.ts'
import { type EndpointRow, findEndpoint } from '../../ledger/endpoints/endpoints.ts'
import type { Caller, WebDeps } from '../deps.ts'

/** An endpoint as workers use it; throws `not_found`. */
export async function findRegistered(id: string, caller: Caller, deps: WebDeps): Promise<RegisteredEndpoint> {
  return registered(await findEndpoint(deps.ledger.pool, caller.tenant, id), deps)
}

const registered = (row: EndpointRow, { secrets, config }: WebDeps): RegisteredEndpoint =>
  registeredEndpoint(row, {
    partitions: config.partitions,
    openSecret: (sealed) => secrets.open(sealed),
    compileFilter,
    compileMapping: compileEndpointMapping,
  })
