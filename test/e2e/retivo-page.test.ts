import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { readConfig } from '../../src/config.ts'
import { type Platform, startPlatform } from '../../src/local/platform.ts'
import { freePort } from '../../src/local/ports.ts'
import { temporaryHome } from '../support/servers.ts'

const run = promisify(execFile)

// The curl examples of the page's sections 1 to 6, as they stand there.
const REGISTER = `curl -X POST https://retivo.ai/api/external/action-types \\
  -H "Authorization: Bearer rt_live_..." \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "grant_points",
    "description": "Award loyalty points to user",
    "provider": "loyalty-platform",
    "parameters_schema": {
      "amount": { "type": "number", "required": true },
      "reason": { "type": "string" }
    },
    "delivery_webhook": "https://loyalty.app/api/retivo/actions",
    "domain": "loyalty"
  }'`
const OUTCOME = `curl -X POST https://retivo.ai/api/external/actions/ea_xyz789/outcome \\
  -H "Authorization: Bearer rt_live_..." \\
  -H "Content-Type: application/json" \\
  -d '{
    "status": "completed",
    "result": {
      "points_granted": 500,
      "user_reacted": true,
      "next_action_within": "2h"
    }
  }'`
const EVENTS = `curl -X POST https://retivo.ai/api/external/events \\
  -H "Authorization: Bearer rt_live_..." \\
  -H "Content-Type: application/json" \\
  -d '{
    "events": [
      {
        "type": "custom.reward.redeemed",
        "user_id": "user-123",
        "data": {
          "reward_type": "discount",
          "value": 20,
          "currency": "USD"
        }
      },
      {
        "type": "custom.badge.unlocked",
        "user_id": "user-456",
        "data": { "badge": "power_user" }
      }
    ]
  }'`
const RECOMMEND = `curl -X POST https://retivo.ai/api/decisions/recommend \\
  -H "Authorization: Bearer rt_live_..." \\
  -H "Content-Type: application/json" \\
  -d '{
    "user_id": "user-123",
    "domain": "loyalty",
    "available_actions": ["grant_points", "unlock_badge", "upgrade_tier"],
    "context": {
      "current_points": 1200,
      "current_tier": "silver",
      "days_since_last_redemption": 14
    }
  }'`
const PULL = `curl "https://retivo.ai/api/external/actions?status=dispatched&since=2026-04-25T00:00:00Z" \\
  -H "Authorization: Bearer rt_live_..."`

describe('the curl examples of the Retivo page', function () {
  this.timeout(60_000)
  let platform: Platform
  let actionId: string

  before(async () => {
    const config = readConfig({
      ...process.env,
      VOLLEY_HOME: temporaryHome(),
      PORT: String(await freePort()),
      DATABASE_URL: '',
      REDIS_URL: '',
    })
    platform = await startPlatform({ config, workers: 1, say: () => undefined })
  })
  after(() => platform.stop())

  /** Runs an example with host, key and ids changed, and nothing else. */
  async function curl(example: string): Promise<{ status: number; body: Record<string, unknown> }> {
    const line = example
      .replace('https://retivo.ai', platform.url)
      .replace('rt_live_...', platform.key)
      .replace('ea_xyz789', actionId)
    const { stdout } = await run('sh', ['-c', `${line} -s -w '\\n%{http_code}'`])
    const end = stdout.lastIndexOf('\n')
    return { status: Number(stdout.slice(end)), body: JSON.parse(stdout.slice(0, end)) }
  }

  it('1. registers an action type, and returns its secret once', async () => {
    const { status, body } = await curl(REGISTER)
    const type = body.action_type as Record<string, unknown>
    expect(status).to.equal(201)
    expect(type.id).to.match(/^at_/)
    expect(type.webhook_secret).to.match(/^[0-9a-f]{64}$/)
    expect(type.retry_policy).to.deep.equal({ delays: ['30s', '2m', '10m', '30m', '2h'], jitter: 0 })
  })

  it('3. reports an outcome', async () => {
    const created = await fetch(`${platform.url}/api/external/actions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${platform.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        action_type: 'grant_points',
        user_id: 'user-123',
        parameters: { amount: 500, reason: 're-engagement bonus' },
      }),
    })
    actionId = ((await created.json()) as { action: { id: string } }).action.id
    const { status, body } = await curl(OUTCOME)
    expect(status).to.equal(200)
    expect(body).to.deep.equal({ recorded: true, action_id: actionId, outcome_status: 'completed' })
  })

  it('4. pushes custom events', async () => {
    const { status, body } = await curl(EVENTS)
    expect(status).to.equal(202)
    expect(body).to.deep.equal({ accepted: 2, duplicates: 0, rejected: [] })
  })

  it('5. recommends', async () => {
    const { status, body } = await curl(RECOMMEND)
    expect(status).to.equal(200)
    expect(body).to.deep.include({ user_id: 'user-123', domain: 'loyalty' })
    expect(body.recommendation).to.deep.include({
      action: 'grant_points',
      parameters: { amount: 300, reason: 're-engagement bonus' },
      confidence: 0.82,
    })
    expect(body.alternatives).to.deep.equal([
      {
        action: 'unlock_badge',
        parameters: { badge: 'comeback_king' },
        confidence: 0.65,
        reasoning: 'Badge unlock has lower confidence but higher novelty',
      },
    ])
    expect(Object.keys(body.user_context as object)).to.deep.equal([
      'lifecycle_stage',
      'activation_score',
      'engagement_score',
      'risk_level',
    ])
  })

  it('6. pulls what was dispatched', async () => {
    const { status, body } = await curl(PULL)
    expect(status).to.equal(200)
    expect(body.actions).to.be.an('array')
    expect(body.next_cursor).to.equal(null)
  })
})
