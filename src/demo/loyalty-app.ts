/**
 * The sample outside system: a loyalty app in a process of its own. It registers what it can do, verifies each
 * dispatch as the Retivo page shows, is down for the first try of some, and reports what came of the others.
 * It is told the platform's URL and a key by its arguments, and tells its parent what it did over IPC.
 */
import crypto from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the app tells of itself. */
export type AppReport =
  | { kind: 'ready'; types: string[] }
  | {
      kind: 'dispatch'
      verdict: 'granted' | 'busy' | 'bad_signature'
      action: string
      user: string
      type: string
    }
  | { kind: 'outcome'; action: string; status: string }

const [volleyUrl = '', key = ''] = process.argv.slice(2)
const say = (report: AppReport) => process.send?.(report)
const secrets = new Map<string, string>()
const tries = new Map<string, number>()
const granted = new Set<string>()

// Word for word as the page shows it.
function verifyRetivo(body: string, signature: string, secret: string): boolean {
  const expected = crypto.createHmac('sha256', secret).update(body).digest('hex')
  return crypto.timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
}

async function call(path: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(volleyUrl + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`)
  return JSON.parse(text) as Record<string, unknown>
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString('utf8')
    const action = JSON.parse(text) as {
      action_id: string
      action_type: string
      user_id: string
      parameters: unknown
    }
    const signature = String(request.headers['x-retivo-signature'] ?? '')
    const about = { action: action.action_id, user: action.user_id, type: action.action_type }
    if (signature.length !== 64 || !verifyRetivo(text, signature, secrets.get(action.action_type) ?? '')) {
      say({ kind: 'dispatch', verdict: 'bad_signature', ...about })
      response.writeHead(401).end('Invalid signature')
      return
    }
    const attempt = (tries.get(action.action_id) ?? 0) + 1
    tries.set(action.action_id, attempt)
    // One in four finds the app busy at first, as a stable function of its id.
    if (attempt === 1 && draw(action.action_id) < 0.25) {
      say({ kind: 'dispatch', verdict: 'busy', ...about })
      response.writeHead(503).end('busy')
      return
    }
    say({ kind: 'dispatch', verdict: 'granted', ...about })
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}')
    // The id is the idempotency key: what was granted once is not granted again.
    if (granted.has(action.action_id)) return
    granted.add(action.action_id)
    setTimeout(() => void report(action.action_id), 100 + 200 * draw(`later ${action.action_id}`)).unref()
  })
})

/** A number from 0 up to 1 that always follows from the text, so that each demo tells the same story. */
function draw(text: string): number {
  return crypto.createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32
}

async function report(action: string): Promise<void> {
  const luck = draw(`outcome ${action}`)
  const status = luck < 0.6 ? 'completed' : luck < 0.75 ? 'partial' : luck < 0.92 ? 'ignored' : 'rejected'
  await call(`/api/external/actions/${action}/outcome`, {
    status,
    result: { user_reacted: status === 'completed' },
  })
  say({ kind: 'outcome', action, status })
}

async function register(port: number): Promise<string[]> {
  const types = [
    {
      name: 'grant_points',
      description: 'Award loyalty points',
      parameters_schema: { amount: { type: 'number', required: true }, reason: { type: 'string' } },
    },
    {
      name: 'unlock_badge',
      description: 'Unlock a badge',
      parameters_schema: { badge: { type: 'string', required: true } },
    },
    {
      name: 'upgrade_tier',
      description: 'Move a user to a tier',
      parameters_schema: { tier: { type: 'string', required: true } },
    },
  ]
  for (const type of types) {
    const { action_type } = await call('/api/external/action-types', {
      ...type,
      provider: 'sample-loyalty-app',
      domain: 'loyalty',
      delivery_webhook: `http://127.0.0.1:${port}/actions`,
      retry_policy: { delays: ['500ms', '1s', '2s'] },
    })
    secrets.set(type.name, (action_type as { webhook_secret: string }).webhook_secret)
  }
  return types.map(({ name }) => name)
}

process.on('disconnect', () => process.exit(0))
server.listen(0, '127.0.0.1', async () => {
  say({ kind: 'ready', types: await register((server.address() as AddressInfo).port) })
})
