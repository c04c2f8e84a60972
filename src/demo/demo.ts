import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import type { Config } from '../config.ts'
import { VolleyError } from '../errors.ts'
import { clearHome } from '../local/home.ts'
import { type Platform, startPlatform } from '../local/platform.ts'
import { freePort } from '../local/ports.ts'
import { stopSignal } from '../local/start.ts'
import type { AppReport } from './loyalty-app.ts'
import { Story } from './story.ts'

const EVENTS_A_PUSH = 8
const PUSH_EVERY_MS = 250
/** How long the loop may take to close after the last event. */
const CLOSE_MS = 30_000

interface DemoEvent {
  id: string
  type: string
  user_id: string
  data: Record<string, unknown>
}

interface ShownAction {
  id: string
  action_type: string
  user_id: string
  origin: string
  status: string
  attempts: number
  reasoning: string | null
  confidence: number | null
  parameters: Record<string, unknown>
  outcome_status: string | null
}

/**
 * Runs the whole loop once, on a platform of its own that starts empty: events in, decisions, attempts, outcomes.
 * Returns the exit code: 0 when every action that was decided on ended with an outcome.
 */
export async function runDemo(given: Config, options: { stay: boolean }): Promise<number> {
  const home = join(given.home, 'demo')
  clearHome(home)
  const config = {
    ...given,
    home,
    databaseUrl: null,
    redisUrl: null,
    port: given.port === 3000 ? await freePort() : given.port,
  }
  const stopped = stopSignal()
  const story = new Story((line) => process.stdout.write(`${line}\n`))
  story.title('Starting PostgreSQL, Redis, one web and two worker processes …')
  const platform = await startPlatform({
    config,
    workers: 2,
    say: (line) => process.stderr.write(`${line}\n`),
  })
  try {
    const finished = await Promise.race([play(platform, story), stopped.then(() => null)])
    if (finished === null) return 1
    if (options.stay) {
      story.title(`The platform stays at ${platform.url}, key ${platform.key}; Ctrl-C stops it.`)
      await stopped
    }
    return finished ? 0 : 1
  } finally {
    await platform.stop()
  }
}

/** Plays the file of events; true when the loop closed for all of them. */
async function play(platform: Platform, story: Story): Promise<boolean> {
  const app = fork(new URL('./loyalty-app.ts', import.meta.url), [platform.url, platform.key], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const isReady = new Promise<string[]>((resolve, reject) => {
    app.on('message', (report: AppReport) => {
      if (report.kind === 'ready') resolve(report.types)
      else story.heard(report)
    })
    app.once('exit', (code) =>
      reject(new VolleyError('start_failed', `The sample loyalty app ended with ${code}`)),
    )
  })
  try {
    story.title(
      `The sample loyalty app registered ${(await isReady).join(', ')} and verifies every signature.`,
    )
    const total = await pushAll(platform, story)
    return await waitForClose(platform, story, total)
  } finally {
    app.disconnect()
  }
}

async function pushAll(platform: Platform, story: Story): Promise<number> {
  const text = readFileSync(new URL('./events.ndjson', import.meta.url), 'utf8')
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as DemoEvent)
  const bar = new SingleBar({
    format: 'events {bar} {value}/{total}  dispatched {dispatched}  outcomes {outcomes}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    stream: process.stderr,
  })
  const isTerminal = process.stderr.isTTY
  if (isTerminal) bar.start(events.length, 0, { dispatched: 0, outcomes: 0 })
  for (let i = 0; i < events.length; i += EVENTS_A_PUSH) {
    const batch = events.slice(i, i + EVENTS_A_PUSH)
    const answer = await call<{ accepted: number }>(platform, 'POST', '/api/external/events', {
      events: batch,
    })
    story.accepted += answer.accepted
    if (isTerminal) bar.update(i + batch.length, { dispatched: story.granted, outcomes: story.outcomes })
    else if (i % (EVENTS_A_PUSH * 10) === 0)
      story.line(
        `events ${i + batch.length}/${events.length}  dispatched ${story.granted}  outcomes ${story.outcomes}`,
      )
    await sleep(PUSH_EVERY_MS)
  }
  if (isTerminal) bar.stop()
  return events.length
}

/** Waits until every action has its outcome, then tells the story from what the API answers. */
async function waitForClose(platform: Platform, story: Story, events: number): Promise<boolean> {
  const end = performance.now() + CLOSE_MS
  let actions = await allActions(platform)
  let quiet = 0
  // Twice the same with nothing open: what the last events decide may not have been inserted at the first look.
  while (quiet < 2 && performance.now() < end) {
    await sleep(300)
    const before = actions.length
    actions = await allActions(platform)
    quiet =
      actions.length === before && actions.every((action) => action.outcome_status !== null) ? quiet + 1 : 0
  }
  const samples = await Promise.all(
    pickSamples(actions).map(async ({ id }) =>
      call<Parameters<Story['sample']>[0]>(platform, 'GET', `/api/external/actions/${id}`),
    ),
  )
  for (const sample of samples) story.sample(sample)
  story.totals(events, actions)
  const { rules } = await call<{ rules: Parameters<Story['learned']>[0] }>(
    platform,
    'GET',
    '/api/decisions/learned?domain=loyalty',
  )
  story.learned(rules)
  return actions.length > 0 && actions.every((action) => action.outcome_status !== null)
}

/** One action a rule, the one with most attempts: what a person wants to see. */
function pickSamples(actions: readonly ShownAction[]): ShownAction[] {
  const byRule = new Map<string, ShownAction>()
  for (const action of actions) {
    const shown = byRule.get(action.origin)
    if (shown === undefined || action.attempts > shown.attempts) byRule.set(action.origin, action)
  }
  return [...byRule.values()]
}

async function allActions(platform: Platform): Promise<ShownAction[]> {
  const found: ShownAction[] = []
  let cursor = ''
  do {
    const page = await call<{ actions: ShownAction[]; next_cursor: string | null }>(
      platform,
      'GET',
      `/api/external/actions?limit=100${cursor}`,
    )
    found.push(...page.actions)
    cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`
  } while (cursor !== '')
  return found
}

async function call<T>(platform: Platform, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(platform.url + path, {
    method,
    headers: { authorization: `Bearer ${platform.key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!answer.ok)
    throw new VolleyError('start_failed', `${method} ${path}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}
