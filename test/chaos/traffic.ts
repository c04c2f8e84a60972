import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import type { Client } from './client.ts'
import type { Accepted, Finding } from './observed.ts'
import type { Receivers } from './receivers.ts'

/** Clients that ask at the same time. */
const CLIENTS = 24
/** Actions come in waves that begin so many ms apart, so that there is a backlog now and then. */
const WAVE_MS = 6_000
/** Share of actions that are to be sent later, and by how much. */
const SCHEDULED = { share: 0.1, leastMs: 1_000, mostMs: 6_000 }

// Short, so that a run ends; many, so that a receiver that fails one time in five seldom uses them up.
const DELAYS = ['200ms', '500ms', '1s', '2s', '2s', '2s', '3s', '3s']
const RETRY_POLICY = { delays: DELAYS, jitter: 0.3 }

/** The types that each tenant has, by name. */
const TYPES = {
  sent: { awaits_outcome: false, retry_policy: RETRY_POLICY },
  reported: { awaits_outcome: true, retry_policy: RETRY_POLICY },
  /** Gives up soon, so that there is something to force. */
  brief: { awaits_outcome: true, retry_policy: { delays: ['300ms'], jitter: 0 } },
  expiring: { awaits_outcome: true, retry_policy: RETRY_POLICY, expires_after: '6s' },
  careful: { awaits_outcome: false, retry_policy: RETRY_POLICY, resend: 'never' },
  narrow: { awaits_outcome: false, retry_policy: RETRY_POLICY, max_in_flight: 2 },
} as const
type TypeName = keyof typeof TYPES
const TYPE_NAMES = Object.keys(TYPES) as TypeName[]

export interface TrafficOptions {
  client: Client
  receivers: Receivers
  chance: Chance
  /** A key of each tenant. */
  keys: readonly string[]
  signal: AbortSignal
  onAccepted(id: string, key: string): void
}

/** The actions of a run: accepted over HTTP, each with an idempotency key and as often as it takes. */
export class Traffic {
  readonly accepted: Accepted[] = []
  /** Calls that were refused although nothing is wrong with them. */
  readonly findings: Finding[] = []
  readonly #options: TrafficOptions
  #next = 0

  constructor(options: TrafficOptions) {
    this.#options = options
  }

  /** Registers the types of every tenant. */
  async register(): Promise<void> {
    const { client, receivers, keys, signal } = this.#options
    for (const [tenant, key] of keys.entries()) {
      for (const [index, name] of TYPE_NAMES.entries()) {
        const delivery_webhook = receivers.url(tenant + index, `${tenant}/${name}`)
        const body = { name, provider: 'chaos', timeout: '1s', delivery_webhook, ...TYPES[name] }
        const { status, body: said } = await client.ask(
          { method: 'POST', path: '/api/external/action-types', key, body },
          signal,
        )
        if (status !== 201) throw new Error(`an action type was answered ${status}: ${JSON.stringify(said)}`)
      }
    }
  }

  /** Asks for `count` actions, in even waves over `overMs`; resolves when each was answered. */
  async flow(count: number, overMs: number): Promise<void> {
    const began = Date.now()
    const one = async () => {
      for (let n = this.#next++; n < count; n = this.#next++) {
        const wave = Math.floor((n * overMs) / count / WAVE_MS)
        await sleep(Math.max(0, began + wave * WAVE_MS - Date.now()))
        await this.#ask(n)
      }
    }
    await Promise.all(Array.from({ length: CLIENTS }, one))
  }

  async #ask(n: number): Promise<void> {
    const { client, chance, keys, signal, onAccepted } = this.#options
    const key = chance.pick(keys)
    const name = chance.pick(TYPE_NAMES)
    const laterMs = chance.between(SCHEDULED.leastMs, SCHEDULED.mostMs)
    const scheduled_at = chance.isLucky(SCHEDULED.share) ? new Date(Date.now() + laterMs).toISOString() : null
    const { status, body } = await client.ask(
      {
        method: 'POST',
        path: '/api/external/actions',
        key,
        headers: { 'idempotency-key': `chaos-${n}` },
        body: { action_type: name, user_id: `user-${n % 997}`, parameters: { n }, scheduled_at },
      },
      signal,
    )
    if (status !== 201) {
      this.findings.push({ kind: 'refused', about: `chaos-${n}`, text: `${status}: ${JSON.stringify(body)}` })
      return
    }
    const type = TYPES[name]
    this.accepted.push({
      id: body.action.id,
      key: `chaos-${n}`,
      awaitsOutcome: type.awaits_outcome,
      isSentOnce: 'resend' in type,
      inFlightMax: 'max_in_flight' in type ? type.max_in_flight : null,
    })
    onAccepted(body.action.id, key)
  }
}
