import type { Installation } from './installation.ts'

/** A row of `event` as it was kept. */
export interface KeptEvent {
  kind: string
  type: string
  user_id: string
  is_anonymous: boolean
  data: any
  /** Ms since the epoch. */
  time: number
  /** Ms since the epoch. */
  received: number
  dedupe_id: string | null
  source: string
  test: boolean
}

/** What one tenant's `source` sent, in the order in which it was kept. */
export async function keptEvents(
  { ledger }: Installation,
  source: string,
  slug = 'acme',
): Promise<KeptEvent[]> {
  const { rows } = await ledger.pool.query<KeptEvent>(
    `select kind, type, user_id, is_anonymous, data, date_part('epoch', time) * 1000 as time,
            date_part('epoch', received_at) * 1000 as received, dedupe_id, source, test
     from event where source = $1 and tenant = (select id from tenant where slug = $2) order by xid, seq`,
    [source, slug],
  )
  return rows
}
