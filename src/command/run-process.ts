import { redacted } from '../config.ts'
import { createLog } from '../log.ts'
import { completeConfig } from './with-ledger.ts'

/** Runs one process until SIGTERM, SIGINT or the end of its leash; a second signal ends it at once. */
export async function runProcess(kind: 'web' | 'worker'): Promise<void> {
  const config = await completeConfig()
  const log = createLog({ level: config.logLevel, name: kind })
  const { startWeb, startWorker } = await import('../app.ts')
  const running = kind === 'web' ? await startWeb(config, log) : await startWorker(config, log)
  log.info({ config: redacted(config) }, 'started')
  let isStopping = false
  const stop = (why: string) => {
    if (isStopping) process.exit(1)
    isStopping = true
    log.info({ why }, 'stopping')
    running.close().then(
      () => process.exit(0),
      (error) => {
        log.error({ error: String(error) }, 'stopped with an error')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  if (config.isLeashed) {
    process.stdin.resume()
    process.stdin.once('close', () => (isStopping ? undefined : stop('the platform is gone')))
  }
}
