import type { ClientBase } from 'pg'

/** Something that endpoints are still to be told of. */
export interface NewNotice {
  p: number
  id: string
  type: string
  tenant: string
  userId: string
  /** ms since the epoch. */
  at: number
  data: unknown
  /** Ids of the endpoints that are to be told; null: all that want it when it is read. */
  endpoints: readonly string[] | null
}

export interface StoredNotice extends NewNotice {
  seq: string
}

/** What a turn writes of notices: new ones, those of which the rest is left, and those that are done with. */
export interface NoticeWrites {
  notices: readonly NewNotice[]
  left: readonly { seq: string; endpoints: readonly string[] }[]
  done: readonly string[]
}

/** Notices of these partitions, oldest first. */
export async function readNotices(
  client: ClientBase,
  partitions: readonly number[],
  limit: number,
): Promise<StoredNotice[]> {
  const { rows } = await client.query<StoredNotice>({
    name: 'notices',
    text: `select n.* from unnest($1::smallint[]) o(p), lateral (
             select seq::text, p, id, type, tenant, user_id as "userId", round(date_part('epoch', at) * 1000) as at, data,
                    endpoints
             from notice n where n.p = o.p order by n.seq limit $2) n
           order by n.seq::bigint limit $2`,
    values: [partitions, limit],
  })
  return rows
}

export async function insertNotices(client: ClientBase, notices: readonly NewNotice[]): Promise<void> {
  if (notices.length === 0) return
  await client.query({
    name: 'notices-insert',
    text: `insert into notice (p, id, type, tenant, user_id, at, data, endpoints)
           select p, id, type, tenant, user_id, to_timestamp(at / 1000), data::json, endpoints::json
           from unnest($1::smallint[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::float8[], $7::text[], $8::text[])
             as x(p, id, type, tenant, user_id, at, data, endpoints)`,
    values: [
      notices.map(({ p }) => p),
      notices.map(({ id }) => id),
      notices.map(({ type }) => type),
      notices.map(({ tenant }) => tenant),
      notices.map(({ userId }) => userId),
      notices.map(({ at }) => at),
      notices.map(({ data }) => JSON.stringify(data)),
      notices.map(({ endpoints }) => (endpoints === null ? null : JSON.stringify(endpoints))),
    ],
  })
}

/** Takes what was told out of the notices. */
export async function settleNotices(
  client: ClientBase,
  { left, done }: Pick<NoticeWrites, 'left' | 'done'>,
): Promise<void> {
  if (done.length > 0)
    await client.query({
      name: 'notices-done',
      // What happened to actions and what clients sent stands in the ledger anyway.
      text: `with d as (delete from notice where seq = any($1::bigint[]) returning *)
             insert into past_notice (seq, id, type, tenant, at, data)
             select seq, id, type, tenant, at, data from d where type !~ '^(external_action|custom)\\.'`,
      values: [done],
    })
  for (const { seq, endpoints } of left)
    await client.query({
      name: 'notices-left',
      text: 'update notice set endpoints = $2::json where seq = $1',
      values: [seq, JSON.stringify(endpoints)],
    })
}
