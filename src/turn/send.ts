import type { AttemptResult } from '../../actors/action.ts'
import type { SendAnswer, Target } from '../dispatch/client.ts'
import { dispatchBody } from '../dispatch/request.ts'
import { signDispatch } from '../dispatch/signing.ts'
import type { RegisteredType } from '../ledger/type-registry.ts'
import type { Engine } from './engine.ts'
import type { HeldAction } from './held.ts'

/** Sending waits while more results than this wait for their commit, or one has waited this long. */
const UNCOMMITTED_MAX = 1_000
const UNCOMMITTED_MS = 2_000
/** A secret or URL in use is no older than this. */
const TYPES_MS = 1_000

/** Whether this worker may begin a POST at all, now. Every answer no is temporary and spends no attempt. */
export function maySend(engine: Engine): boolean {
  return (
    engine.isSending &&
    engine.ownership.isAlive() &&
    engine.agenda.uncommitted < UNCOMMITTED_MAX &&
    engine.agenda.oldestMs(performance.now()) < UNCOMMITTED_MS &&
    engine.registry.isFresh(TYPES_MS)
  )
}

/** Sends what the lanes give, as long as there is room on the wire. Called whenever something may have changed. */
export function pump(engine: Engine): void {
  while (maySend(engine)) {
    const action = engine.lanes.next()
    if (action === null) return
    const type = engine.registry.cached(action.row.type)
    if (type === undefined || !isStillDue(engine, action)) {
      engine.lanes.done(action, false)
      engine.held.release(action.id)
      continue
    }
    post(engine, action, type)
  }
}

/** Between being loaded and being sent, the partition may have gone and the deadline may have passed. */
function isStillDue(engine: Engine, action: HeldAction): boolean {
  const { deadline } = action.row.state
  return (
    engine.ownership.owns(action.p) && (deadline === null || Date.now() + engine.clockOffsetMs < deadline)
  )
}

function post(engine: Engine, action: HeldAction, type: RegisteredType): void {
  const attempt = action.row.state.attempt + 1
  const nowMs = Date.now()
  const body = dispatchBody({ ...action.row, typeName: type.name }, nowMs)
  action.place = 'on-wire'
  action.wireUntil = performance.now() + type.timeoutMs
  engine.client.send({
    target: targetOf(engine, type),
    body,
    headers: signDispatch({
      body,
      secret: type.secret,
      actionId: action.id,
      nowMs,
      headerPrefix: engine.headerPrefix,
    }),
    timeoutMs: type.timeoutMs,
    onDone: (answer) => answered(engine, action, attempt, answer),
  })
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
  const result = {
    held: action,
    attempt,
    result: attemptResult(answer),
    detail: attemptDetail(answer),
    at: performance.now(),
  }
  logAttempt(engine, result.held, attempt, answer)
  action.wireUntil = null
  if (action.isLost) {
    engine.lost.add([result])
  } else {
    action.place = 'result-waiting'
    engine.agenda.addResult(result)
  }
  pump(engine)
}

/** What an answer means to the state machine: every non-2xx may be tried again, a refused address never. */
export function attemptResult(answer: SendAnswer): AttemptResult {
  if (answer.kind === 'failed')
    return { kind: 'failed', permanent: answer.reason === 'refused_address', retryAfterMs: null }
  if (answer.status >= 200 && answer.status < 300) return { kind: 'delivered' }
  return { kind: 'failed', permanent: false, retryAfterMs: answer.retryAfterMs }
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
