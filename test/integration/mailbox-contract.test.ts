import { expect } from 'chai'
import { createLog } from '../../src/log.ts'
import { connect } from '../../src/mailbox/connect.ts'
import type { Nudge, Nudger } from '../../src/mailbox/nudge.ts'
import { Mailbox } from '../../src/mailbox/read.ts'
import { Mailer } from '../../src/mailbox/send.ts'
import { Machine } from '../sim/machine.ts'
import { Postgres } from '../sim/postgres.ts'
import { Redis as RedisModel } from '../sim/redis.ts'
import { World } from '../sim/world.ts'
import { eventually } from '../support/eventually.ts'
import { testRedis } from '../support/servers.ts'

/** Two workers: w_1 owns partition 1, w_2 partition 2, and nobody partition 3. The sender is the process of w_1. */
interface MailboxesUnderTest {
  nudger: Nudger
  /** What each worker heard, as text. */
  heard: Map<string, string[]>
  /** Everything that is on its way or kept is gone. */
  wipe(): Promise<void>
  stop(): Promise<void>
}

const OWNERS: [number, string | null][] = [
  [1, 'w_1'],
  [2, 'w_2'],
  [3, null],
]
const text = (nudge: Nudge) => (nudge.kind === 'lane' ? `lane ${nudge.lane}` : nudge.kind)

function hearing() {
  const heard = new Map<string, string[]>([
    ['w_1', []],
    ['w_2', []],
    ['local', []],
  ])
  const hear = (who: string) => (nudges: readonly Nudge[]) => void heard.get(who)!.push(...nudges.map(text))
  const takeLocal = (nudge: Nudge): boolean => {
    if (nudge.p !== 1) return false
    hear('local')([nudge])
    return true
  }
  return { heard, hear, takeLocal }
}

async function ofTheModel(): Promise<MailboxesUnderTest> {
  const world = new World(1)
  world.slowestMs = 50
  const postgres = new Postgres(world, 4)
  for (const [p, owner] of OWNERS)
    postgres.tables.partitions.set(p, { owner, crashes: 0, claimedAt: 0, suspect: null })
  const redis = new RedisModel(world, postgres, { lost: 0, repeated: 0, late: 0 })
  const { heard, hear, takeLocal } = hearing()
  const machine = new Machine(world, 'tests', 0)
  for (const worker of ['w_1', 'w_2']) redis.open(worker, { machine, hint: hear(worker) })
  let isOver = false
  const goOn = async () => {
    while (!isOver) {
      await world.run(5)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  void goOn()
  return {
    nudger: redis.nudger(takeLocal),
    heard,
    wipe: async () => redis.wipe(0),
    stop: async () => {
      isOver = true
    },
  }
}

async function ofRedis(): Promise<MailboxesUnderTest> {
  const { url } = await testRedis()
  const log = createLog({ level: 'silent', name: 'test' })
  const redis = connect(url, 'send', log)
  const { heard, hear, takeLocal } = hearing()
  const boxes = ['w_1', 'w_2'].map(
    (worker) => new Mailbox({ worker, redis: connect(url, 'read', log), onNudges: hear(worker) }),
  )
  for (const box of boxes) box.start()
  return {
    nudger: new Mailer({ redis, log, readOwners: async () => new Map(OWNERS), deliverLocally: takeLocal }),
    heard,
    wipe: async () => void (await redis.flushall()),
    stop: async () => {
      await Promise.all(boxes.map((box) => box.stop()))
      redis.disconnect()
    },
  }
}

for (const [name, make] of [
  ['the model of the simulation', ofTheModel],
  ['Redis', ofRedis],
] as const) {
  describe(`the contract of the mailboxes, kept by ${name}`, () => {
    let under: MailboxesUnderTest
    beforeEach(async () => {
      under = await make()
    })
    afterEach(() => under.stop())

    /** Nudges until it is heard: the contract promises no more than that some are. */
    const reaches = async (worker: string, nudge: Nudge) =>
      eventually(() => {
        under.nudger.nudge([nudge])
        expect(under.heard.get(worker)).to.include(text(nudge))
      })

    it('brings each kind of nudge to the owner of its partition, and to nobody else', async () => {
      await reaches('w_2', { kind: 'lane', p: 2, lane: '7' })
      await reaches('w_2', { kind: 'fact', p: 2 })
      await reaches('w_2', { kind: 'event', p: 2 })
      expect(under.heard.get('w_1')).to.deep.equal([])
      expect(under.heard.get('local')).to.deep.equal([])
    })

    it('gives what is for the sender to the sender at once, and sends it nowhere', async () => {
      under.nudger.nudge([
        { kind: 'fact', p: 1 },
        { kind: 'lane', p: 2, lane: '8' },
      ])
      expect(under.heard.get('local')).to.deep.equal(['fact'])
      await reaches('w_2', { kind: 'lane', p: 2, lane: '8' })
      expect(under.heard.get('w_1')).to.deep.equal([])
    })

    it('drops what nobody owns, without a word', async () => {
      under.nudger.nudge([{ kind: 'fact', p: 3 }])
      await reaches('w_2', { kind: 'fact', p: 2 })
      expect(under.heard.get('w_1')).to.deep.equal([])
    })

    it('goes on after everything in it was wiped', async () => {
      await reaches('w_2', { kind: 'lane', p: 2, lane: '1' })
      await under.wipe()
      await reaches('w_2', { kind: 'lane', p: 2, lane: '2' })
    })
  })
}
