import { hash } from 'node:crypto'

/**
 * Where things live. A lane is a tenant's way to one destination; an action's partition follows from its lane and a
 * slice of its id, so that one busy lane is worked on in several partitions; a user's events share one partition, so
 * that they keep their order. The partition count is fixed for a database, so a placement never changes.
 */

/** Slices of a lane; one where a limit must be counted exactly in one place. */
const LANE_SLICES = 8
/** Slices of a tenant's users. */
const USER_SLICES = 16

/** Signed 64 bits of SHA-256 over the parts, as Postgres writes a bigint. */
function hash64(...parts: string[]): bigint {
  return hash('sha256', parts.map((part) => `${part}\0`).join(''), 'buffer').readBigInt64BE(0)
}

const modulo = (hash: bigint, n: number): number => Number(BigInt.asUintN(64, hash) % BigInt(n))

/**
 * The lane of a tenant's sends to a destination (scheme, host and port of `url`), as a decimal bigint; that of one type
 * alone where `type` is given.
 */
export function laneOf(tenant: string, url: string, type?: string): string {
  const { origin } = new URL(url)
  return (type === undefined ? hash64(tenant, origin) : hash64(tenant, origin, type)).toString()
}

/** The lane of what one endpoint of a tenant is told; it stays the same when the endpoint moves to another URL. */
export const laneOfEndpoint = (tenant: string, id: string): string => hash64(tenant, id).toString()

/** The lane of what that endpoint is told again, so that nothing that happens now waits behind what happened long ago. */
export const laneOfReplays = (tenant: string, id: string): string => hash64(tenant, id, 'replay').toString()

/** The partitions of a lane, one for each slice: index it with `sliceOf(id)`. `isLimited`: counted in one place. */
export function slicesOf(lane: string, partitions: number, isLimited: boolean): number[] {
  const slices = isLimited ? 1 : LANE_SLICES
  return Array.from({ length: slices }, (_, slice) => modulo(hash64(lane, String(slice)), partitions))
}

/** The slice of an action, 0 to `slices` - 1, from the random end of its id (FNV-1a, 32 bits). */
export function sliceOf(id: string, slices: number): number {
  let hash = 0x811c9dc5
  for (let i = id.length - 10; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % slices
}

/** The partitions of a tenant's slices of users; few tenants send at a time, and each user's event asks. */
const slicesOfTenants = new Map<string, readonly number[]>()
const TENANTS_MAX = 10_000

function slicesOfTenant(tenant: string, partitions: number): readonly number[] {
  const key = `${tenant} ${partitions}`
  let slices = slicesOfTenants.get(key)
  if (slices === undefined) {
    slices = Array.from({ length: USER_SLICES }, (_, slice) =>
      modulo(hash64(tenant, String(slice)), partitions),
    )
    if (slicesOfTenants.size >= TENANTS_MAX) slicesOfTenants.clear()
    slicesOfTenants.set(key, slices)
  }
  return slices
}

/** The partitions in which a tenant's events lie, each once. */
export function partitionsOfTenant(tenant: string, partitions: number): number[] {
  return [...new Set(slicesOfTenant(tenant, partitions))]
}

/** The partition whose owner reads a user's events. */
export function partitionOfUser(tenant: string, user: string, partitions: number): number {
  return slicesOfTenant(tenant, partitions)[modulo(hash64(user), USER_SLICES)]!
}
