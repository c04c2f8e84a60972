import { type Logger, pino } from 'pino'

export type Log = Logger

/** A structured logger on stderr: stdout belongs to what a command was asked to print. One line a turn and one an attempt. */
export function createLog(options: { level: string; name: string }): Log {
  return pino(
    {
      level: options.level,
      base: { name: options.name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['secret', 'authorization'],
    },
    pino.destination({ dest: 2, sync: false }),
  )
}
