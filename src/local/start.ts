import type { Config } from '../config.ts'
import { type Platform, startPlatform } from './platform.ts'

/** `volley start`: runs the platform until SIGTERM or Ctrl-C, and says how to use it. */
export async function runStart(config: Config, workers: number): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`)
  const stopped = stopSignal()
  const platform = await startUnless(stopped, { config, workers, say })
  if (platform === null) return
  process.stdout.write(`ready ${platform.url}\n`)
  process.stdout.write(`key ${platform.key}\n`)
  process.stdout.write(`${curlLine(platform.url, platform.key)}\n`)
  say(`logs are in ${config.home}/logs; Ctrl-C stops everything`)
  await stopped
  await platform.stop()
}

/** The platform; null where a signal asked to stop before it was ready, with everything stopped again. */
async function startUnless(
  stopped: Promise<NodeJS.Signals>,
  options: Omit<Parameters<typeof startPlatform>[0], 'signal'>,
): Promise<Platform | null> {
  const abort = new AbortController()
  void stopped.then((signal) => {
    options.say(`${signal}: stopping`)
    abort.abort(signal)
  })
  try {
    return await startPlatform({ ...options, signal: abort.signal })
  } catch (error) {
    if (abort.signal.aborted) return null
    throw error
  }
}

/** One call that works as it is pasted. */
function curlLine(url: string, key: string): string {
  const body = '{"events":[{"type":"custom.reward.redeemed","user_id":"user-123","data":{"value":20}}]}'
  return `curl -X POST ${url}/api/external/events -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -d '${body}'`
}

/** The first signal that asks this process to stop; the second ends it where it stands. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1)
        asked = true
        resolve(signal)
      })
    }
  })
}
