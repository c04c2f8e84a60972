import { expect } from 'chai'
import { eventually } from './eventually.ts'
import type { Installation } from './installation.ts'
import type { Receiver } from './receiver.ts'

/** The sweep alone would need half a second on average, so this many in a row below it were nudged. */
const IN_A_ROW = 5

/** Accepts an action of `grant_points`, and gives the ms from its answer until the receiver had it. */
export async function sentAfterMs(volley: Installation, receiver: Receiver): Promise<number> {
  const { status, body } = await volley.call('POST', '/api/external/actions', {
    action_type: 'grant_points',
    user_id: 'u',
  })
  expect(status).to.equal(201)
  const acceptedAt = performance.now()
  await eventually(() => expect(receiver.ids).to.include(body.action.id))
  return performance.now() - acceptedAt
}

/** Resolves once nobody waits for the sweep: some actions in a row were sent at once. Gives the ms until then. */
export async function sentAtOnce(volley: Installation, receiver: Receiver): Promise<number> {
  const began = performance.now()
  await eventually(async () => {
    for (let i = 0; i < IN_A_ROW; i++) expect(await sentAfterMs(volley, receiver)).to.be.below(150)
  }, 20_000)
  return performance.now() - began
}
