import type { Pool } from 'pg'
import { VolleyError } from '../../errors.ts'

/** The kinds that tenants keep. */
export type DocumentKind = 'recommendations' | 'mappings' | 'scoring'

export type DocumentState = 'draft' | 'checked' | 'partial' | 'active' | 'retired' | 'stopped'

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
  /** Of users for whom it is in force while it is partial. */
  share: number
  /** What waits for a second person, and the key that asked for it; null: nothing does. */
  waitingShare: number | null
  askedBy: string | null
  approvedBy: string | null
  /** What came of its decisions when it was stopped. */
  figures: unknown
  madeAt: number
  changedAt: number
}

/** The oldest versions beyond so many go, the one in force never. */
const VERSIONS_KEPT = 100
const DOCUMENTS_MAX = 20

const COLUMNS = `tenant, kind, name, version, state, document, cases, share, waiting_share as "waitingShare",
  asked_by as "askedBy", approved_by as "approvedBy", figures, date_part('epoch', made_at) * 1000 as "madeAt",
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
       delete from rule_document where tenant = $1 and kind = $2 and name = $3 and state not in ('partial', 'active') and version <=
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

/** The newest version of a document, the one in force and the one in force for a share; null where none is. */
export interface ListedDocument {
  kind: string
  name: string
  latest: number
  active: number | null
  partial: number | null
}

/** Every document of a tenant. */
export async function listDocuments(pool: Pool, tenant: string): Promise<ListedDocument[]> {
  const { rows } = await pool.query<ListedDocument>(
    `select kind, name, max(version) as latest, max(version) filter (where state = 'active') as active,
       max(version) filter (where state = 'partial') as partial
     from rule_document where tenant = $1 group by kind, name order by kind, name`,
    [tenant],
  )
  return rows
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
      ? `select tenant, max(changed_at)::text as stamp from rule_document
         where state in ('partial', 'active') group by tenant`
      : {
          name: 'documents-changed',
          text: `select tenant, max(changed_at)::text as stamp from rule_document
                 where changed_at > $1::timestamptz - interval '1 minute' and state in ('partial', 'active', 'retired', 'stopped')
                 group by tenant`,
          values: [since],
        },
  )
  return { changed: rows, until: now.rows[0]!.now }
}

/** A version that is in force; `share` 1: for everybody. */
export type InForce = DocumentKey & { version: number; document: unknown; share: number }

/** The versions that are in force of these tenants. */
export async function inForceOf(pool: Pool, tenants: readonly string[]): Promise<InForce[]> {
  const { rows } = await pool.query<InForce>({
    name: 'documents-in-force',
    text: `select tenant, kind, name, version, document, case when state = 'active' then 1 else share end as share
           from rule_document where tenant = any($1::uuid[]) and state in ('partial', 'active') order by kind, name`,
    values: [tenants],
  })
  return rows
}
