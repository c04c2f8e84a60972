import Type from 'typebox'
import { VolleyError } from '../errors.ts'
import { route } from './route.ts'

const TIMEOUT_MS = 1_000

/** 200 once this process can serve: it listens, and the ledger answers. */
export const getHealthz = route({
  method: 'GET',
  path: '/healthz',
  summary: 'Whether this process can serve',
  auth: 'none',
  answers: { 200: Type.Object({ status: Type.Literal('ok') }) },
  errors: ['unavailable'],
  async handler({ deps }) {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), TIMEOUT_MS)
    })
    const answered = await Promise.race([deps.ledger.pool.query('select 1'), late]).finally(() =>
      clearTimeout(timer),
    )
    if (answered === 'late')
      throw new VolleyError('unavailable', `The ledger did not answer within ${TIMEOUT_MS} ms.`)
    return { status: 200, body: { status: 'ok' as const } }
  },
})
