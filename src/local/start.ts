import type { Config } from '../config.ts'
import { startPlatform } from './platform.ts'

/** `volley start`: runs the platform until SIGTERM or Ctrl-C, and says how to use it. */
export async function runStart(config: Config, workers: number): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`)
  const stopped = stopSignal()
  const platform = await startPlatform({ config, workers, say })
  process.stdout.write(`ready ${platform.url}\n`)
  process.stdout.write(`key ${platform.key}\n`)
  process.stdout.write(`${curlLine(platform.url, platform.key)}\n`)
  say(`logs are in ${config.home}/logs; Ctrl-C stops everything`)
  const signal = await stopped
  say(`${signal}: stopping`)
  await platform.stop()
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
