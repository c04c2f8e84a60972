/** The limit: nothing but signed POSTs, 64 at a time. */
import { Agent } from 'undici'
import { CONNECTIONS, makeJobs, post, workerProgram } from '../job.ts'

workerProgram(async ({ url, secret, n }, done) => {
  const agent = new Agent({ connections: CONNECTIONS })
  const jobs = makeJobs(n)
  return {
    async go() {
      let next = 0
      const loop = async () => {
        for (let i = next++; i < n; i = next++) {
          const { isDelivered, httpStatus } = await post(agent, url, secret, jobs[i]!)
          if (!isDelivered) throw new Error(`the receiver answered ${httpStatus ?? 'nothing'}`)
        }
      }
      await Promise.all(Array.from({ length: CONNECTIONS }, loop))
      done()
    },
    stop: () => agent.close(),
  }
})
