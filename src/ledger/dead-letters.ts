import type { ClientBase } from 'pg'
import { newId } from '../ids.ts'

/** Something that could not be worked on and was put aside for an operator, with the reason. */
export interface DeadLetter {
  p: number
  actionId: string | null
  reason: 'internal'
  error: string
}

export async function insertDeadLetters(client: ClientBase, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length === 0) return
  await client.query(
    `insert into dead_letter (id, p, action_id, reason, error)
     select * from unnest($1::text[], $2::smallint[], $3::text[], $4::text[], $5::text[])`,
    [
      letters.map(() => newId('dl')),
      letters.map((l) => l.p),
      letters.map((l) => l.actionId),
      letters.map((l) => l.reason),
      letters.map((l) => l.error),
    ],
  )
}
