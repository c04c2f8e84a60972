import type { AttemptResult, WithheldReason } from '../../actors/action.ts'
import { distanceMs } from '../../actors/leave.ts'
import { withheld } from '../../actors/permissions.ts'
import { isTrouble } from '../dispatch/breaker.ts'
import type { SendAnswer, Target } from '../dispatch/client.ts'
import { withoutSecrets } from '../dispatch/redact.ts'
import { FORMS, type Form, type Message } from '../dispatch/request.ts'
import { signDispatch } from '../dispatch/signing.ts'
import type { RegisteredType } from '../ledger/tenants/type-registry.ts'
import type { Engine } from './engine.ts'
import { failureText } from './health.ts'
import type { HeldAction } from './held.ts'
import { mustRead, wordedFor } from './message.ts'

/** Sending waits while more results than this wait for their commit, or one has waited this long. */
const UNCOMMITTED_MAX = 1_000
const UNCOMMITTED_MS = 2_000
/** A secret, a URL and a kill switch in use are no older than this. */
const TYPES_MS = 1_000
/** Every lane that is passed over asks again this often, whatever it waits for. */
const TICK_MS = 1_000
/** A read takes no longer, or waits as everything else does. */
const READ_MS = 1_000

/** Whether this worker may begin a POST at all, now. Every answer no is temporary and spends no attempt. */
export function maySend(engine: Engine): boolean {
  return (
    engine.isSending &&
    engine.ownership.isAlive() &&
    engine.agenda.uncommitted < UNCOMMITTED_MAX &&
    engine.agenda.oldestMs(engine.clock.monotonicMs()) < UNCOMMITTED_MS &&
    engine.registry.isFresh(TYPES_MS) &&
    engine.tenants.isFresh(TYPES_MS)
  )
}

/** Sends what the lanes give, as long as there is room on the wire. Called whenever something may have changed. */
export function pump(engine: Engine): void {
  while (maySend(engine)) {
    const action = engine.lanes.next((each) => mayLeaveLane(engine, each))
    if (action === null) return
    const type = engine.registry.cached(action.row.type)
    const why = type === undefined ? null : whyWithheld(engine, action, type)
    if (type === undefined || !isStillDue(engine, action)) leaveOut(engine, action)
    else if (why !== null) withhold(engine, action, type, why)
    else if (mustRead(engine, action, type)) readFirst(engine, action, type)
    else if (needsLeave(engine, action, type) && !hasLeave(engine, action)) ask(engine, action)
    else post(engine, action, type)
  }
}

/** Why this action is not to be sent at all, though it is due; null where it is. */
function whyWithheld(
  engine: Engine,
  { permissions }: HeldAction,
  type: RegisteredType,
): WithheldReason | null {
  if (type.withheldAs !== null) return type.withheldAs
  if (permissions === null || !type.heedsUser) return null
  const now = engine.clock.wallMs() + engine.clockOffsetMs
  return withheld(permissions, { channel: type.channel, action: type.name, now })
}

/** What is withheld is not sent: the next turn ends it, as it would with a result. */
function withhold(engine: Engine, action: HeldAction, type: RegisteredType, reason: WithheldReason): void {
  engine.lanes.done(action, false)
  engine.held.answered(action)
  engine.agenda.addResult({
    held: action,
    attempt: action.row.state.attempt + 1,
    result: { kind: 'withheld', reason },
    detail: { reason, channel: type.channel, action: type.name },
    at: engine.clock.monotonicMs(),
  })
}

/** Most of an action's lane on the wire: what its type says now, where the lane is the type's own. */
export function capOfLane({ registry }: Pick<Engine, 'registry'>, { row }: HeldAction): number {
  const type = registry.cached(row.type)
  return (type?.lane === row.lane ? type.limits.maxInFlight : null) ?? Number.POSITIVE_INFINITY
}

/** What is sent by a suspect partition is written down before. */
const needsLeave = (engine: Engine, action: HeldAction, type: RegisteredType): boolean =>
  type.needsLeave || engine.ownership.isSuspect(action.p)

/** Whether anything holds back the lane of this action: then it is passed over, and asks again with the next tick. */
function mayLeaveLane(engine: Engine, action: HeldAction): boolean {
  if (engine.ownership.isSuspect(action.p) && !engine.oneByOne.hasRoom) return false
  if (engine.tenants.sendingOf(action.row.tenant) !== 'on') return false
  const type = engine.registry.cached(action.row.type)
  if (type === undefined || type.withheldAs !== null) return true
  return !type.isPaused && engine.breakers.allows(type)
}

function leaveOut(engine: Engine, action: HeldAction): void {
  engine.lanes.done(action, false)
  engine.held.release(action.id)
  hearWaiting(engine, action)
}

/** A cancel that waited for what this action would come to is heard in the next turn. */
function hearWaiting(engine: Engine, action: HeldAction): void {
  if (engine.waitingOnWire.delete(action.id)) engine.agenda.hintFacts(action.p)
}

const hasLeave = (engine: Engine, action: HeldAction): boolean =>
  action.leaveUntil !== null && engine.clock.monotonicMs() < action.leaveUntil

/** The next turn says whether the action may be sent, and commits that before it is. */
function ask(engine: Engine, action: HeldAction): void {
  action.place = 'asking'
  if (engine.ownership.isSuspect(action.p)) engine.oneByOne.addAsk(action)
  else engine.agenda.addAsk(action)
}

/** Sends an action that has leave, in so many ms. From now on it counts as on the wire: a cancel waits for its result. */
export function beginIn(engine: Engine, action: HeldAction, ms: number): void {
  action.place = 'on-wire'
  if (ms < 0.5) begin(engine, action)
  else beginLater(engine, action, ms)
}

function beginLater(engine: Engine, action: HeldAction, ms: number): void {
  const { clock, registry } = engine
  action.wireUntil = clock.monotonicMs() + ms + (registry.cached(action.row.type)?.timeoutMs ?? 0)
  clock.after(ms, () => begin(engine, action))
}

function begin(engine: Engine, action: HeldAction): void {
  const type = engine.registry.cached(action.row.type)
  if (action.isLost) {
    engine.lanes.done(action, false)
    engine.held.told(action.id)
  } else if (type === undefined || !isStillDue(engine, action)) {
    action.wireUntil = null
    leaveOut(engine, action)
  } else if (maySend(engine) && hasLeave(engine, action)) {
    const lateMs = untilPace(engine, type)
    if (lateMs > 0) beginLater(engine, action, lateMs)
    else post(engine, action, type)
  } else {
    queueAgain(engine, action)
  }
}

/** After a POST that began late, the next ones of its type keep their distance from it and not from its leave. */
function untilPace(engine: Engine, type: RegisteredType): number {
  const { rate } = type.limits
  if (rate === null) return 0
  const now = engine.clock.monotonicMs()
  const at = engine.paces.get(type.id) ?? now
  if (at > now) return at - now
  engine.paces.set(type.id, now + distanceMs(rate))
  return 0
}

/** An action that may not be sent now is the first of its lane again. */
function queueAgain(engine: Engine, action: HeldAction): void {
  action.place = 'queued'
  action.wireUntil = null
  engine.lanes.putBack(action)
  hearWaiting(engine, action)
}

/** An action that was denied leave waits at the head of its own lane; in a lane that it shares it makes way. */
export function standBack(engine: Engine, action: HeldAction, retryInMs: number): void {
  if (action.isLost) return
  const type = engine.registry.cached(action.row.type)
  if (type?.lane !== action.lane) {
    leaveOut(engine, action)
    engine.feeder.lookIn(action, retryInMs)
    return
  }
  queueAgain(engine, action)
  parkFor(engine, action.lane, retryInMs)
}

/** Passes over a lane for so many ms, or until the next tick. */
function parkFor(engine: Engine, lane: string, ms: number): void {
  engine.lanes.park(lane)
  if (ms >= TICK_MS) return
  engine.clock.after(ms, () => {
    engine.lanes.wake(lane)
    engine.pump()
  })
}

/** Between being loaded and being sent, the partition may have gone, and the action may have ended or its deadline passed. */
function isStillDue(engine: Engine, action: HeldAction): boolean {
  const { status, deadline } = action.row.state
  return (
    engine.ownership.owns(action.p) &&
    (status === 'pending' || status === 'retrying') &&
    (deadline === null || engine.clock.wallMs() + engine.clockOffsetMs < deadline)
  )
}

function post(engine: Engine, action: HeldAction, type: RegisteredType): void {
  const attempt = action.row.state.attempt + 1
  const nowMs = engine.clock.wallMs()
  const worded = wordedFor(engine, action, type, { attempt, nowMs })
  switch (worded.kind) {
    case 'unread':
      // Another mapping came into force just now.
      queueAgain(engine, action)
      return
    case 'failed':
      notMapped(engine, action, attempt, worded.message)
      return
    case 'worded':
      put(engine, action, type, { message: worded.message, attempt, nowMs })
      return
    default:
      worded satisfies never
  }
}

function put(
  engine: Engine,
  action: HeldAction,
  type: RegisteredType,
  { message, attempt, nowMs }: { message: Message; attempt: number; nowMs: number },
): void {
  action.place = 'on-wire'
  action.wireUntil = engine.clock.monotonicMs() + type.timeoutMs
  action.leaveUntil = null
  engine.unsent.delete(action.id)
  engine.client.send({
    target: targetOf(engine, type),
    body: message.body,
    headers: headersOf(engine, type, message, nowMs),
    timeoutMs: type.timeoutMs,
    // By the headers that were sent: they may be others when the answer comes.
    onDone: (answer) => answered(engine, action, attempt, kept(answer, type.headers)),
  })
}

/** The action fails for good without a POST: what its mapping makes of it will be no better the next time. */
function notMapped(engine: Engine, action: HeldAction, attempt: number, message: string): void {
  engine.lanes.done(action, false)
  engine.unsent.delete(action.id)
  engine.held.answered(action)
  engine.agenda.addResult({
    held: action,
    attempt,
    result: { kind: 'failed', permanent: true, retryAfterMs: null, unresolved: false },
    detail: { http_status: null, latency_ms: null, error: 'mapping_failed', message },
    at: engine.clock.monotonicMs(),
  })
}

/** To read belongs to the attempt: meanwhile the action counts as on the wire, and is the first of its lane after. */
function readFirst(engine: Engine, action: HeldAction, type: RegisteredType): void {
  action.place = 'on-wire'
  action.wireUntil = engine.clock.monotonicMs() + READ_MS + type.timeoutMs
  engine.addressees.read(action, (error) => {
    if (action.isLost) {
      engine.lanes.done(action, false)
      engine.held.told(action.id)
    } else if (action.isStale) {
      leaveOut(engine, action)
      engine.feeder.look(action)
    } else {
      queueAgain(engine, action)
      if (error !== null) waitForRead(engine, action, error)
    }
    pump(engine)
  })
}

function waitForRead(engine: Engine, action: HeldAction, error: unknown): void {
  engine.log.warn({ action: action.id, error: String(error) }, 'what a request says could not be read')
  parkFor(engine, action.lane, TICK_MS)
}

function headersOf(engine: Engine, type: RegisteredType, { id, body }: Message, nowMs: number): string[] {
  const { secret, previous, headers } = type
  const previousSecret = previous !== null && nowMs < previous.until ? previous.secret : null
  const { headerPrefix } = engine
  const signed = signDispatch({ body, secret, previousSecret, actionId: id, nowMs, headerPrefix })
  return headers.length === 0 ? signed : [...signed, ...headers]
}

const targets = new WeakMap<RegisteredType, Target>()

function targetOf(engine: Engine, type: RegisteredType): Target {
  let target = targets.get(type)
  if (target === undefined) {
    target = engine.client.target(type.url)
    targets.set(type, target)
  }
  return target
}

function answered(engine: Engine, action: HeldAction, attempt: number, answer: SendAnswer): void {
  engine.lanes.done(action, answer.kind === 'failed' && answer.reason === 'timeout')
  const type = engine.registry.cached(action.row.type)
  const form = FORMS[type?.form ?? 'action']
  const result = {
    held: action,
    attempt,
    result: attemptResult(answer, form),
    detail: attemptDetail(answer),
    at: engine.clock.monotonicMs(),
  }
  logAttempt(engine, result.held, attempt, answer)
  if (form.hasHealth) tellHealth(engine, action, answer, form)
  tellBreaker(engine, action, answer)
  if (action.isLost) {
    engine.lost.add([result])
  } else {
    engine.held.answered(action)
    engine.agenda.addResult(result)
  }
  pump(engine)
}

function tellHealth(engine: Engine, { row }: HeldAction, answer: SendAnswer, form: Form): void {
  const isGone = answer.kind === 'answered' && form.isGone(answer.status)
  engine.health.heard(row.type, failureText(answer), isGone)
}

/** An answer that refuses this one action says nothing about the destination; an address that is refused neither. */
function tellBreaker(engine: Engine, action: HeldAction, answer: SendAnswer): void {
  const type = engine.registry.cached(action.row.type)
  if (type === undefined || (answer.kind === 'failed' && answer.reason === 'refused_address')) return
  engine.breakers.heard(type, !isTrouble(answer.kind === 'answered' ? answer.status : null))
}

/**
 * What an answer means to the state machine: every non-2xx may be tried again, a refused address never, nor where nobody
 * is there any more.
 */
export function attemptResult(answer: SendAnswer, form: Form = FORMS.action): AttemptResult {
  if (answer.kind === 'failed') {
    const permanent = answer.reason === 'refused_address'
    return { kind: 'failed', permanent, retryAfterMs: null, unresolved: answer.wasSent }
  }
  if (answer.status >= 200 && answer.status < 300) return { kind: 'delivered' }
  return {
    kind: 'failed',
    permanent: form.isGone(answer.status),
    retryAfterMs: answer.retryAfterMs,
    unresolved: false,
  }
}

/** An answer as it may be kept: without the values of headers of the tenant's own, which it may repeat. */
function kept(answer: SendAnswer, headers: readonly string[]): SendAnswer {
  if (headers.length === 0 || answer.kind === 'failed') return answer
  const values = headers.filter((_, i) => i % 2 === 1)
  return { ...answer, excerpt: withoutSecrets(answer.excerpt, values) }
}

function attemptDetail(answer: SendAnswer): Record<string, unknown> {
  if (answer.kind === 'failed') {
    return { http_status: null, latency_ms: answer.latencyMs, error: answer.reason, message: answer.message }
  }
  return {
    http_status: answer.status,
    latency_ms: answer.latencyMs,
    error: answer.status >= 200 && answer.status < 300 ? null : 'http_status',
    response_excerpt: answer.excerpt,
  }
}

function logAttempt(engine: Engine, action: HeldAction, attempt: number, answer: SendAnswer): void {
  if (!engine.log.isLevelEnabled('debug')) return
  const { id, p, lane, row } = action
  const outcome = answer.kind === 'answered' ? answer.status : answer.reason
  engine.log.debug(
    { action: id, tenant: row.tenant, p, lane, attempt, outcome, ms: answer.latencyMs },
    'attempt',
  )
}
