import { setImmediate } from 'node:timers/promises'
import { previewTriggers, type TriggerReach } from '../../decisions/preview-triggers.ts'
import { loadPeople } from '../../ledger/people/people.ts'
import { personKey } from '../../ledger/people/person-key.ts'
import { samplePeople } from '../../ledger/people/sample-people.ts'
import type { WebDeps } from '../deps.ts'
import type { ComparedVersion } from './versions-compared.ts'

/** What triggers of two versions would have done with some people of a tenant, who stand for all. */
export interface TriggersCompared {
  before: TriggerReach
  after: TriggerReach
  /** How many people were asked about, of how many. */
  sampled: number
  total: number
  isEstimate: boolean
}

const PEOPLE_MAX = 1_000
/** Traits may be large: so many people are in memory at a time. */
const PAGE = 100
/** A web process has others to answer: so long it may look altogether, and so long without letting them through, in ms. */
const MS_MAX = 1_000
const MS_AT_A_TIME = 10

/** Looks at people as they are known now; null where neither version has a trigger. */
export async function compareTriggers(
  { ledger, rules }: WebDeps,
  tenant: string,
  { days, before, after }: { days: number; before: ComparedVersion; after: ComparedVersion },
): Promise<TriggersCompared | null> {
  if (!before.hasTriggers && !after.hasTriggers) return null
  const { ids, total, isEstimate } = await samplePeople(ledger.pool, tenant, { limit: PEOPLE_MAX })
  const shelf = rules.latest()
  await shelf.ready([tenant])
  const now = Date.now()
  const asked = previewTriggers({
    window: { since: now - days * 86_400_000, now },
    before: before.bookFor,
    after: after.bookFor,
    scoringOf: (user) => shelf.scoringOf(tenant, user),
  })
  const begun = performance.now()
  const others = lettingThrough()
  let sampled = 0
  // A page is always looked at, however slow the ledger is: of nobody it would seem that nothing is spent.
  const isOver = () => asked.isSpent() || (sampled >= PAGE && performance.now() - begun > MS_MAX)
  for (let first = 0; first < ids.length && !isOver(); first += PAGE) {
    const keys = ids.slice(first, first + PAGE).map((id) => ({ tenant, test: false, id }))
    const people = await loadPeople(ledger.pool, keys)
    for (const key of keys) {
      if (isOver()) break
      const person = people.get(personKey(key))
      if (person !== undefined) for (const _ of asked.look(key.id, person)) await others()
      // Whoever was the last when it became too dear may have been asked by halves: rather too much than too little.
      if (!asked.isSpent() || sampled === 0) sampled += 1
    }
  }
  return { ...asked.reach(), sampled, total, isEstimate }
}

/** Waits for others where they have not had their turn for a while. */
function lettingThrough(): () => Promise<void> | undefined {
  let last = performance.now()
  return () => {
    if (performance.now() - last < MS_AT_A_TIME) return undefined
    return setImmediate().then(() => {
      last = performance.now()
    })
  }
}
