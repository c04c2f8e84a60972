import Type from 'typebox'
import { VolleyError } from '../../errors.ts'
import { isId, newId } from '../../ids.ts'
import { type ReadErasure, readErasure } from '../../ledger/people/erasures.ts'
import { UserId } from '../external/new-action.ts'
import { route } from '../route.ts'
import { isHeard, rowAbout, tell } from './tell.ts'
import { find } from './user.ts'
import { iso, Time } from './user-view.ts'

const ErasureSchema = Type.Object({
  id: Type.String({ examples: ['er_01KAJX0M6Q8V2Y3R5T7W9ZBCDE'] }),
  status: Type.Enum(['accepted', 'running', 'done']),
  asked_at: Type.Union([Time, Type.Null()]),
  done_at: Type.Union([Time, Type.Null()]),
  counts: Type.Union([Type.Record(Type.String(), Type.Integer()), Type.Null()], {
    description: 'How many rows of each kind are without their data now.',
  }),
})

export const deleteUser = route({
  method: 'DELETE',
  path: '/api/users/:id',
  summary: 'Erase a user everywhere',
  description:
    'Open actions are cancelled first. What then stays says that something happened, and no more: not to whom, and with what. The record of the erasure does not say whose it was.',
  auth: 'key',
  params: Type.Object({ id: UserId }),
  answers: { 202: Type.Object({ erasure: ErasureSchema }) },
  errors: ['not_found'],
  async handler({ params, caller, deps, signal }) {
    const { pool } = deps.ledger
    const { tenant, id } = await find(deps, caller, params.id)
    const erasure = newId('er')
    const user = { tenant, id, partitions: deps.config.partitions }
    const row = rowAbout(user, 'delete', { what: 'person', erasure })
    await tell(deps, caller, [row])
    await isHeard(deps, row, signal)
    return { status: 202, body: { erasure: view(erasure, await readErasure(pool, tenant, erasure)) } }
  },
})

export const getErasure = route({
  method: 'GET',
  path: '/api/erasures/:id',
  summary: 'How far an erasure is',
  auth: 'key',
  params: Type.Object({ id: Type.String() }),
  answers: { 200: Type.Object({ erasure: ErasureSchema }) },
  errors: ['not_found'],
  async handler({ params, caller, deps }) {
    const read = isId('er', params.id) ? await readErasure(deps.ledger.pool, caller.tenant, params.id) : null
    if (read === null) throw new VolleyError('not_found', `No erasure has the id ${params.id}.`)
    return { status: 200, body: { erasure: view(params.id, read) } }
  },
})

/** Null: no turn has heard of it yet. */
function view(id: string, read: ReadErasure | null) {
  if (read === null) return { id, status: 'accepted' as const, asked_at: null, done_at: null, counts: null }
  return {
    id,
    status: read.doneAt === null ? ('running' as const) : ('done' as const),
    asked_at: iso(read.askedAt),
    done_at: read.doneAt === null ? null : iso(read.doneAt),
    counts: read.counts,
  }
}
