import type { Pool } from 'pg'

/** From whom a tenant learns; partners by slug. */
export interface Partnership {
  /** It lets others learn of its outcomes. */
  sharesLearning: boolean
  learnsFrom: string | null
  /** The partner lets it; false where there is none. */
  isLearning: boolean
}

/** What is to be changed; what is left out stays. */
export interface PartnershipChange {
  sharesLearning?: boolean
  learnsFrom?: string | null
}

/** `not-shared`: the partner lets nobody learn of it. */
export type PartnershipChanged =
  | { kind: 'changed'; partnership: Partnership }
  | { kind: 'unknown-tenant' | 'unknown-partner' | 'not-shared' | 'itself' }

/** Null where there is no such tenant. */
export async function readPartnership(pool: Pool, slug: string): Promise<Partnership | null> {
  const { rows } = await pool.query<Partnership>(
    `select t.shares_learning as "sharesLearning", p.slug as "learnsFrom", coalesce(p.shares_learning, false) as "isLearning"
     from tenant t left join tenant p on p.id = t.learns_from where t.slug = $1`,
    [slug],
  )
  return rows[0] ?? null
}

/** Changes from whom a tenant learns, and whether others learn from it; processes follow within two seconds. */
export async function changePartnership(
  pool: Pool,
  slug: string,
  { sharesLearning, learnsFrom }: PartnershipChange,
): Promise<PartnershipChanged> {
  if (learnsFrom === slug) return { kind: 'itself' }
  if (learnsFrom != null) {
    const partner = await readPartnership(pool, learnsFrom)
    if (partner === null) return { kind: 'unknown-partner' }
    if (!partner.sharesLearning) return { kind: 'not-shared' }
  }
  await pool.query(
    `update tenant set shares_learning = coalesce($2, shares_learning),
       learns_from = case when $3 then (select id from tenant where slug = $4) else learns_from end
     where slug = $1`,
    [slug, sharesLearning ?? null, learnsFrom !== undefined, learnsFrom ?? null],
  )
  const partnership = await readPartnership(pool, slug)
  return partnership === null ? { kind: 'unknown-tenant' } : { kind: 'changed', partnership }
}
