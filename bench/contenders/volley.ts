import { Installation } from '../installation.ts'
import { type Contender, timed } from './contender.ts'

/** One worker process as it is deployed; accepting happens here, by the functions that the web process calls. */
export const volley: Contender = {
  name: 'volley',
  async prepare(round) {
    const installation = await Installation.open(round)
    const destinations = await installation.destinations([round.url], round.secret)
    const rows = installation.rows(round.n, destinations)
    const worker = await installation.worker()
    const died = new Promise<never>((_, reject) => {
      worker.once('exit', (code, signal) => reject(new Error(`the worker ended (${signal ?? code})`)))
    })
    died.catch(() => undefined)
    return {
      run: () =>
        timed(worker.pid!, async () => {
          await installation.accept(rows)
          await Promise.race([round.allReceived, died])
          await Promise.race([installation.settled(), died])
        }),
      async end() {
        const { rows: counted } = await installation.ledger.pool.query<{ n: number }>(
          `select count(*)::int as n from action where status = 'dispatched' and attempt = 1`,
        )
        if (counted[0]!.n !== round.n)
          throw new Error(`${counted[0]!.n} of ${round.n} actions are dispatched at their first attempt`)
        await installation.stop()
      },
    }
  },
}
