import type { ClientBase, Pool } from 'pg'
import { VolleyError } from '../errors.ts'
import { inTransaction } from './transaction.ts'

/** The kinds that tenants keep. */
export type DocumentKind = 'recommendations' | 'mappings' | 'scoring'

export type DocumentState = 'draft' | 'checked' | 'active' | 'retired'

/** Which document of which tenant. */
export interface DocumentKey {
  tenant: string
  kind: DocumentKind
  name: string
}

/** One version of a document; times in ms. */
export interface DocumentVersion extends DocumentKey {
  version: number
  state: DocumentState
  document: unknown
  cases: unknown
  madeAt: number
  changedAt: number
}

/** The oldest versions beyond so many go, the one in force never. */
const VERSIONS_KEPT = 100
const DOCUMENTS_MAX = 20

const COLUMNS = `tenant, kind, name, version, state, document, cases, date_part('epoch', made_at) * 1000 as "madeAt",
  date_part('epoch', changed_at) * 1000 as "changedAt"`

/** Keeps a new version. Throws `too_many_documents` where the tenant has no room for another document. */
export async function addVersion(
  pool: Pool,
  key: DocumentKey,
  made: { state: 'draft' | 'checked'; document: unknown; cases: unknown },
): Promise<DocumentVersion> {
  for (let tries = 1; ; tries++) {
    try {
      return await insertVersion(pool, key, made)
    } catch (error) {
      // Somebody else kept a version at the same time and has its number.
      if (tries === 5 || (error as { code?: unknown }).code !== '23505') throw error
    }
  }
}

async function insertVersion(
  pool: Pool,
  { tenant, kind, name }: DocumentKey,
  made: { state: 'draft' | 'checked'; document: unknown; cases: unknown },
): Promise<DocumentVersion> {
  const { rows } = await pool.query<DocumentVersion>(
    `with room as (
       select from rule_document where tenant = $1 and (kind, name) <> ($2, $3) group by kind, name offset ${DOCUMENTS_MAX - 1}
     ), gone as (
       delete from rule_document where tenant = $1 and kind = $2 and name = $3 and state <> 'active' and version <=
         (select max(version) - ${VERSIONS_KEPT - 1} from rule_document where tenant = $1 and kind = $2 and name = $3)
     )
     insert into rule_document (tenant, kind, name, version, state, document, cases)
     select $1, $2, $3, 1 + coalesce((select max(version) from rule_document where tenant = $1 and kind = $2 and name = $3), 0),
       $4, $5::json, $6::json where not exists (select from room)
     returning ${COLUMNS}`,
    [
      tenant,
      kind,
      name,
      made.state,
      JSON.stringify(made.document),
      made.cases === null ? null : JSON.stringify(made.cases),
    ],
  )
  if (rows[0] === undefined)
    throw new VolleyError('too_many_documents', `A tenant may keep ${DOCUMENTS_MAX} documents.`)
  return rows[0]
}

/** Every version of a document, the newest first. */
export async function listVersions(
  pool: Pool,
  { tenant, kind, name }: DocumentKey,
): Promise<DocumentVersion[]> {
  const { rows } = await pool.query<DocumentVersion>(
    `select ${COLUMNS} from rule_document where tenant = $1 and kind = $2 and name = $3 order by version desc`,
    [tenant, kind, name],
  )
  return rows
}

/** The newest version of every document of a tenant, with the one that is in force; null where none is. */
export async function listDocuments(
  pool: Pool,
  tenant: string,
): Promise<{ kind: string; name: string; latest: number; active: number | null }[]> {
  const { rows } = await pool.query<{ kind: string; name: string; latest: number; active: number | null }>(
    `select kind, name, max(version) as latest, max(version) filter (where state = 'active') as active
     from rule_document where tenant = $1 group by kind, name order by kind, name`,
    [tenant],
  )
  return rows
}

/**
 * Puts a version in force, or none where it is null, and gives the state that it was in before: a draft stays what it
 * is. Null where there is no such version, or no document.
 */
export async function putInForce(
  pool: Pool,
  { tenant, kind, name }: DocumentKey,
  version: number | null,
): Promise<DocumentState | null> {
  const key = [tenant, kind, name]
  return inTransaction(pool, async (client) => {
    // One after the other, or the index on what is in force would refuse the second.
    const { rows } = await client.query<{ version: number; state: DocumentState }>(
      'select version, state from rule_document where tenant = $1 and kind = $2 and name = $3 order by version for update',
      key,
    )
    const wanted = rows.find((row) => (version === null ? row.state === 'active' : row.version === version))
    if (wanted === undefined) return rows.length > 0 && version === null ? 'retired' : null
    if (wanted.state === 'draft' || (wanted.state === 'active' && version !== null)) return wanted.state
    if (kind === 'mappings' && version !== null) await refuseSecond(client, { tenant, kind, name }, version)
    await client.query(
      `update rule_document set state = 'retired', changed_at = clock_timestamp()
       where tenant = $1 and kind = $2 and name = $3 and state = 'active'`,
      key,
    )
    await client.query(
      `update rule_document set state = 'active', changed_at = clock_timestamp()
       where tenant = $1 and kind = $2 and name = $3 and version = $4`,
      [...key, version],
    )
    return wanted.state
  })
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
     where o.tenant = $1 and o.kind = $2 and o.name <> $3 and o.state = 'active' and w.name = $3 and w.version = $4 limit 1`,
    [tenant, kind, name, version],
  )
  const [other] = rows
  if (other !== undefined)
    throw new VolleyError(
      'document_conflict',
      `mappings/${other.name} is in force for ${other.action} already.`,
    )
}

/**
 * Whose documents came into force or went out of it since a time of Postgres, all that have any where it is null, and the
 * time to ask with the next time. Another stamp is another change.
 */
export async function changedInForce(
  pool: Pool,
  since: string | null,
): Promise<{ changed: { tenant: string; stamp: string }[]; until: string }> {
  const now = await pool.query<{ now: string }>('select now()::text as now')
  // A transaction that commits late writes an earlier time: what is a minute old is read again, and changes nothing.
  const { rows } = await pool.query<{ tenant: string; stamp: string }>(
    since === null
      ? `select tenant, max(changed_at)::text as stamp from rule_document where state = 'active' group by tenant`
      : {
          name: 'documents-changed',
          text: `select tenant, max(changed_at)::text as stamp from rule_document
                 where changed_at > $1::timestamptz - interval '1 minute' and state in ('active', 'retired') group by tenant`,
          values: [since],
        },
  )
  return { changed: rows, until: now.rows[0]!.now }
}

/** The versions that are in force of these tenants. */
export async function inForceOf(
  pool: Pool,
  tenants: readonly string[],
): Promise<(DocumentKey & { version: number; document: unknown })[]> {
  const { rows } = await pool.query<DocumentKey & { version: number; document: unknown }>({
    name: 'documents-in-force',
    text: `select tenant, kind, name, version, document from rule_document
           where tenant = any($1::uuid[]) and state = 'active' order by kind, name`,
    values: [tenants],
  })
  return rows
}
