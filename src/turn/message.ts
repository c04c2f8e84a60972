import { seenByRules, unknownPerson } from '../../actors/person.ts'
import { FORMS, type Message, mappingData } from '../dispatch/request.ts'
import { type Mapping, madeBody } from '../documents/mappings.ts'
import type { RegisteredType } from '../ledger/tenants/type-registry.ts'
import type { Engine } from './engine.ts'
import type { HeldAction } from './held.ts'

/** What is to be sent of an action; `unread`: its mapping, or who its user is, has to be read first. */
export type Worded =
  | { kind: 'worded'; message: Message }
  | { kind: 'unread' }
  | { kind: 'failed'; message: string }

/**
 * What makes the bodies of a type now; null where they have the shape of the API page, undefined where its tenant's
 * documents have to be read first.
 */
function mappingOf(
  { latestRules }: Pick<Engine, 'latestRules'>,
  type: RegisteredType,
  user: string,
): Mapping | null | undefined {
  if (type.form !== 'action') return null
  const rules = latestRules()
  return rules.isReady(type.tenant) ? rules.mappingOf(type.tenant, type.name, user) : undefined
}

/** Whether its mapping, or the user of whom that says something, was not read just now. */
export function mustRead(engine: Engine, action: HeldAction, type: RegisteredType): boolean {
  const mapping = mappingOf(engine, type, action.row.userId)
  if (mapping === undefined) return true
  return mapping?.looksAtUser === true && !engine.addressees.isFresh(action)
}

/** What is sent of an action at this attempt, counting from 1: by the mapping that is in force now, where there is one. */
export function wordedFor(
  engine: Engine,
  action: HeldAction,
  type: RegisteredType,
  { attempt, nowMs }: { attempt: number; nowMs: number },
): Worded {
  const dispatched = { ...action.row, typeName: type.name }
  const mapping = mappingOf(engine, type, action.row.userId)
  if (mapping === undefined) return { kind: 'unread' }
  if (mapping === null) return plainly(type, FORMS[type.form].message(dispatched, nowMs))
  const person = mapping.looksAtUser ? engine.addressees.of(action) : null
  if (person === undefined) return { kind: 'unread' }
  const user = mapping.looksAtUser ? { ...seenByRules(person ?? unknownPerson(false), nowMs) } : null
  const made = madeBody(mapping.body, mappingData(dispatched, { user, attempt, nowMs }))
  if (made.kind === 'failed') return { kind: 'failed', message: `${mapping.file}: ${made.message}` }
  return { kind: 'worded', message: { id: action.id, body: made.text } }
}

/** A message as it is, or as an endpoint has it made over. */
function plainly({ mapped }: RegisteredType, message: Message): Worded {
  const made = mapped?.(message.body) ?? null
  if (made === null) return { kind: 'worded', message }
  return made.kind === 'failed' ? made : { kind: 'worded', message: { id: message.id, body: made.text } }
}
