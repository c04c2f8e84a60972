import { Writable } from 'node:stream'
import { pino } from 'pino'
import type { Log } from '../../src/log.ts'

/** A log, and the lines that were written to it at `info` or above. */
export function heardLog(): { lines: Record<string, unknown>[]; log: Log } {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    },
  })
  return { lines, log: pino({ level: 'info' }, stream) }
}
