import type { ClientBase, Pool } from 'pg'
import { VolleyError } from '../../errors.ts'
import { inTransaction } from '../transaction.ts'
import type { DocumentKey, DocumentState } from './rule-documents.ts'

/** For whom a version is to be in force, and who asks; `share` 1: for everybody. */
export interface ForceAsk {
  version: number
  share: number
  /** Id of the key. */
  by: string
  /** A share for which it was never in force needs a second person. */
  needsApproval: boolean
}

/** What became of the wish; `narrower`: it is in force for everybody, and not for a share any more. */
export type ForceAnswer = 'in_force' | 'waiting' | 'narrower' | 'draft' | 'unknown'

interface Locked {
  version: number
  state: DocumentState
  clearedShare: number | null
  waitingShare: number | null
  askedBy: string | null
  replaced: number | null
}

/** Puts a version in force, or has it wait for a second person. Throws `document_conflict`. */
export function putInForce(pool: Pool, key: DocumentKey, ask: ForceAsk): Promise<ForceAnswer> {
  return inTransaction(pool, async (client) => {
    const versions = await lockVersions(client, key)
    const wanted = versions.find(({ version }) => version === ask.version)
    if (wanted === undefined) return 'unknown'
    if (wanted.state === 'draft') return 'draft'
    if (wanted.state === 'active') return ask.share < 1 ? 'narrower' : 'in_force'
    if (ask.needsApproval && ask.share > (wanted.clearedShare ?? 0)) {
      await client.query(
        `update rule_document set waiting_share = $5, asked_by = $6, changed_at = clock_timestamp()
         where tenant = $1 and kind = $2 and name = $3 and version = $4`,
        [...valuesOf(key), ask.version, ask.share, ask.by],
      )
      return 'waiting'
    }
    await letIn(client, key, versions, { ...ask, approvedBy: null })
    return 'in_force'
  })
}

/** Puts in force what waits for a second person, for the share that was asked for, unless it is the first one who asks. */
export function approve(
  pool: Pool,
  key: DocumentKey,
  { version, by }: { version: number; by: string },
): Promise<{ kind: 'in_force'; share: number } | { kind: 'unknown' | 'not_waiting' | 'same_person' }> {
  return inTransaction(pool, async (client) => {
    const versions = await lockVersions(client, key)
    const wanted = versions.find((each) => each.version === version)
    if (wanted === undefined) return { kind: 'unknown' }
    if (wanted.waitingShare === null) return { kind: 'not_waiting' }
    if (wanted.askedBy === by) return { kind: 'same_person' }
    const share = wanted.waitingShare
    await letIn(client, key, versions, { version, share, approvedBy: by })
    return { kind: 'in_force', share }
  })
}

/** Takes every version of a document out of force, and what waits; false where there is no such document. */
export function takeOutOfForce(pool: Pool, key: DocumentKey): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const versions = await lockVersions(client, key)
    await client.query(
      `update rule_document set waiting_share = null, asked_by = null where tenant = $1 and kind = $2 and name = $3
         and waiting_share is not null`,
      valuesOf(key),
    )
    await retire(client, key, `state in ('partial', 'active')`)
    return versions.length > 0
  })
}

/**
 * Ends a version for what came of it, unless somebody was faster: the one in whose place it came is in force again. Gives
 * the version that is then in force for everybody, null: none; undefined where nothing was to be ended.
 */
export function stopVersion(
  pool: Pool,
  key: DocumentKey,
  { version, figures }: { version: number; figures: unknown },
): Promise<number | null | undefined> {
  return inTransaction(pool, async (client) => {
    const versions = await lockVersions(client, key)
    const stopped = versions.find((each) => each.version === version)
    if (stopped?.state !== 'active' && stopped?.state !== 'partial') return undefined
    await client.query(
      `update rule_document set state = 'stopped', figures = $5::json, waiting_share = null, changed_at = clock_timestamp()
       where tenant = $1 and kind = $2 and name = $3 and version = $4`,
      [...valuesOf(key), version, JSON.stringify(figures)],
    )
    if (stopped.state === 'partial') return versions.find(({ state }) => state === 'active')?.version ?? null
    const before = versions.find((each) => each.version === stopped.replaced && each.state === 'retired')
    if (before === undefined) return null
    await client.query(
      `update rule_document set state = 'active', changed_at = clock_timestamp()
       where tenant = $1 and kind = $2 and name = $3 and version = $4`,
      [...valuesOf(key), before.version],
    )
    return before.version
  })
}

const valuesOf = ({ tenant, kind, name }: DocumentKey) => [tenant, kind, name]

/** One after the other, or the indexes on what is in force would refuse the second. */
async function lockVersions(client: ClientBase, key: DocumentKey): Promise<Locked[]> {
  const { rows } = await client.query<Locked>(
    `select version, state, cleared_share as "clearedShare", waiting_share as "waitingShare", asked_by as "askedBy", replaced
     from rule_document where tenant = $1 and kind = $2 and name = $3 order by version for update`,
    valuesOf(key),
  )
  return rows
}

async function letIn(
  client: ClientBase,
  key: DocumentKey,
  versions: readonly Locked[],
  { version, share, approvedBy }: { version: number; share: number; approvedBy: string | null },
): Promise<void> {
  if (key.kind === 'mappings') await refuseSecond(client, key, version)
  const isForAll = share === 1
  await retire(
    client,
    key,
    isForAll ? `state in ('partial', 'active') and version <> $4` : `state = 'partial' and version <> $4`,
    version,
  )
  const replaced = versions.find(({ state }) => state === 'active')?.version ?? null
  await client.query(
    `update rule_document set state = $5, share = $6, cleared_share = greatest(cleared_share, $6), waiting_share = null,
       asked_by = null, approved_by = coalesce($7, approved_by), figures = null, changed_at = clock_timestamp(),
       replaced = case when $5 = 'active' then $8::int else replaced end,
       in_force_since = case when state = 'partial' then in_force_since else clock_timestamp() end
     where tenant = $1 and kind = $2 and name = $3 and version = $4`,
    [...valuesOf(key), version, isForAll ? 'active' : 'partial', share, approvedBy, replaced],
  )
}

async function retire(client: ClientBase, key: DocumentKey, where: string, version?: number): Promise<void> {
  await client.query(
    `update rule_document set state = 'retired', changed_at = clock_timestamp()
     where tenant = $1 and kind = $2 and name = $3 and ${where}`,
    [...valuesOf(key), ...(version === undefined ? [] : [version])],
  )
}

/** Throws `document_conflict` where another mapping in force is for the same action. */
async function refuseSecond(
  client: ClientBase,
  { tenant, kind, name }: DocumentKey,
  version: number,
): Promise<void> {
  // Two that are activated at the same time would not see each other.
  await client.query('select from tenant where id = $1 for update', [tenant])
  const { rows } = await client.query<{ name: string; action: string }>(
    `select o.name, o.document->>'action' as action from rule_document o
     join rule_document w on w.tenant = o.tenant and w.kind = o.kind and w.document->>'action' = o.document->>'action'
     where o.tenant = $1 and o.kind = $2 and o.name <> $3 and o.state in ('partial', 'active') and w.name = $3
       and w.version = $4 limit 1`,
    [tenant, kind, name, version],
  )
  const [other] = rows
  if (other !== undefined)
    throw new VolleyError(
      'document_conflict',
      `mappings/${other.name} is in force for ${other.action} already.`,
    )
}
