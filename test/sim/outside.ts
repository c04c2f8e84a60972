import type { SendAnswer, SendCall } from '../../src/dispatch/client.ts'
import type { Sender } from '../../src/turn/ports.ts'
import type { Auditor, Post } from './auditor.ts'
import type { Machine } from './machine.ts'
import type { Reaction } from './plan.ts'
import { ENDPOINTS } from './types.ts'
import type { World } from './world.ts'

export interface OutsideOptions {
  world: World
  auditor(): Auditor
  /** The action by which an endpoint is told of an event. */
  notificationOf(endpoint: string, event: string): string
  /** What the receiver makes of the `n`-th POST of an action, counting from 0. */
  reactionOf(action: string, n: number): Reaction
  /** A receiver has acted on an action for the first time. */
  onActed(action: string): void
}

const UNAVAILABLE = { status: 503, retryAfterMs: null, excerpt: 'busy' }
const FINE = { status: 200, retryAfterMs: null, excerpt: '' }

/** Everything beyond the engine's POSTs: receivers that answer, hang, break and act, and never forget a POST. */
export class Outside {
  readonly #options: OutsideOptions
  readonly #counts = new Map<string, number>()
  readonly #acted = new Set<string>()

  constructor(options: OutsideOptions) {
    this.#options = options
  }

  /** The way to the outside of one machine, whose worker has this id at the time. */
  sender(machine: Machine, worker: () => string): Sender {
    return {
      target: (url) => ({ origin: url, path: '/' }),
      send: (call) => this.#send(machine, worker(), call),
    }
  }

  #send(machine: Machine, worker: string, call: SendCall): void {
    const { world, auditor, reactionOf } = this.#options
    const { action, type } = this.#sent(call)
    const n = this.#counts.get(action) ?? 0
    this.#counts.set(action, n + 1)
    const reaction = reactionOf(action, n)
    const post: Post = { action, type, machine, worker, at: world.now, end: null, reaction }
    auditor().posted(post)
    const startedAt = machine.clock.monotonicMs()
    let isDone = false
    const done = (answer: (latencyMs: number) => SendAnswer) => {
      if (isDone) return
      isDone = true
      machine.clock.cancel(timeout)
      const answered = answer(machine.clock.monotonicMs() - startedAt)
      post.end ??= { at: world.now, isDefinite: isDefinite(answered), isDelivered: isDelivered(answered) }
      call.onDone(answered)
    }
    const timeout = machine.clock.after(call.timeoutMs, () =>
      done((latencyMs) => failed('timeout', latencyMs, true)),
    )
    this.#react(post, (answer) => machine.deliver(() => done(answer)))
  }

  /** Which action this is, and of which type. */
  #sent({ target, body }: SendCall): { action: string; type: string } {
    const said = JSON.parse(body) as Record<string, string>
    const endpoint = ENDPOINTS.find(({ url }) => url === target.origin)
    if (endpoint === undefined) return { action: said.action_id!, type: said.action_type! }
    return { action: this.#options.notificationOf(endpoint.id, said.id!), type: endpoint.id }
  }

  #react(post: Post, answer: (made: (latencyMs: number) => SendAnswer) => void): void {
    const { world } = this.#options
    const { reaction } = post
    switch (reaction.kind) {
      case 'ok':
        world.in(reaction.afterMs, () => {
          this.#act(post.action)
          world.in(world.random.between(0.1, 2), () =>
            answer((latencyMs) => ({ kind: 'answered', latencyMs, ...FINE })),
          )
        })
        return
      case 'busy':
        world.in(reaction.afterMs, () =>
          answer((latencyMs) => ({ kind: 'answered', latencyMs, ...UNAVAILABLE })),
        )
        return
      case 'silent':
        if (reaction.acts) world.in(world.latencyMs(), () => this.#act(post.action))
        return
      case 'dropped':
        if (reaction.acts) world.in(1, () => this.#act(post.action))
        world.in(world.random.between(1, 50), () =>
          answer((latencyMs) => failed('connection', latencyMs, true)),
        )
        return
      case 'refused':
        world.in(1, () => answer((latencyMs) => failed('connection', latencyMs, false)))
        return
      default:
        reaction satisfies never
    }
  }

  #act(action: string): void {
    if (this.#acted.has(action)) return
    this.#acted.add(action)
    this.#options.onActed(action)
  }
}

const failed = (reason: 'timeout' | 'connection', latencyMs: number, wasSent: boolean): SendAnswer => ({
  kind: 'failed',
  reason,
  message: reason,
  latencyMs,
  wasSent,
})

const isDelivered = (answer: SendAnswer): boolean => answer.kind === 'answered' && answer.status < 300

/** The sender knows that the receiver did not take it; anything else may have been acted on. */
const isDefinite = (answer: SendAnswer): boolean =>
  answer.kind === 'answered' ? answer.status >= 300 : !answer.wasSent
