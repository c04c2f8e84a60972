import type { DeadLetter } from '../ledger/actions/dead-letters.ts'
import type { Suspect } from '../ledger/actions/suspects.ts'
import { type Decided, nothingDecided, type TurnMoment } from './decide-actions.ts'
import { type EventsDecided, noEvents } from './decide-for.ts'
import type { Engine } from './engine.ts'
import type { Loaded } from './load.ts'
import type { TurnTx } from './ports.ts'
import { failAction, passOver, passOverDue, whatItWasTold } from './write-singly.ts'

const ERROR = 'workers died twice while they worked on it and on nothing else of its partition'

/** Puts a suspect aside as a dead letter without working on it: an action fails, the reading of events goes on behind it. */
export async function condemn(
  engine: Pick<Engine, 'rules'>,
  tx: TurnTx,
  loaded: Loaded,
  suspect: Suspect,
  moment: TurnMoment,
): Promise<{ actions: Decided; events: EventsDecided }> {
  const letter: DeadLetter = { p: suspect.p, actionId: null, reason: 'crash', error: ERROR, body: null }
  const actions = nothingDecided()
  const events = noEvents([])
  for (const event of loaded.events) await passOver(tx, event, letter)
  for (const row of loaded.due) await passOverDue(engine, tx, { row, loaded, letter, now: moment.now })
  const [subject] = loaded.subjects
  if (subject === undefined) return { actions, events }
  const wasTold = subject.results.length > 0 || subject.facts.length > 0
  const about = { ...letter, actionId: subject.row.id, body: wasTold ? whatItWasTold(subject) : null }
  return { actions: await failAction(tx, subject, about, moment), events }
}
