/**
 * `npm run test:subscriptions`: many endpoints are told of one event each second while workers are killed. docs/webhooks.md says
 * what must hold; the exit status is 1 where something did not.
 */
import { randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { mochaGlobalTeardown } from '../support/servers.ts'
import { figures } from './figures.ts'
import { run } from './run.ts'

const { values } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '60' },
    kills: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
  },
})

function whole(name: keyof typeof values, least: number, most: number): number {
  const value = Number(values[name])
  if (Number.isInteger(value) && value >= least && value <= most) return value
  process.stderr.write(
    `subscriptions: --${name} ${values[name]}: expected a whole number from ${least} to ${most}\n`,
  )
  process.exit(1)
}

const say = (line: string) => process.stdout.write(`${line}\n`)
const options = {
  endpoints: whole('endpoints', 1, 10_000),
  seconds: whole('seconds', 1, 3_600),
  kills: whole('kills', 0, 1_000),
  seed: whole('seed', 0, 2 ** 31),
  say,
}
try {
  const done = await run(options)
  say(figures(done))
  if (done.findings.length > 0) {
    for (const finding of done.findings.slice(0, 20)) say(finding)
    say(`${done.findings.length} findings. The logs of the processes are in ${done.logs}`)
    process.exitCode = 1
  } else {
    say('Every event came to every endpoint, and again only where a kill explains it.')
    rmSync(done.logs, { recursive: true })
  }
} finally {
  await mochaGlobalTeardown()
}
