import { program } from 'commander'
import fc from 'fast-check'
import { howMany, seed } from './arguments.ts'
import { check, describeFailure } from './check.ts'
import { Simulation } from './simulation.ts'

program
  .name('npm run test:sim --')
  .description('Plays the engine through many lives, and checks after each what must always hold')
  .option('--schedules <n>', 'how many lives', howMany, 2_000)
  .option('--seed <n>', 'the same lives as an earlier run', seed)
  .option('--path <path>', 'the one life of that seed which failed')
  .option('--trace', 'print what was said in the life that failed')
  .option('--first', 'give the first life that failed as it is, not the smallest like it')
  .option('--json', 'print the result as one JSON object')
  .parse()
const options = program.opts<{
  schedules: number
  seed?: number
  path?: string
  trace?: boolean
  first?: boolean
  json?: boolean
}>()

const startedAt = performance.now()
const totals = { lives: 0, posts: 0, virtualMs: 0, faults: 0 }
const failure = await check({
  schedules: options.schedules,
  seed: options.seed ?? null,
  path: options.path ?? null,
  isFirstEnough: options.first === true,
  onRun(plan, run) {
    totals.lives++
    totals.posts += run.posts
    totals.virtualMs += run.elapsedMs
    totals.faults += plan.faults.length
  },
})
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)

if (options.json === true) {
  const found = failure === null ? null : { schedules: failure.schedules, breach: failure.breaches[0] }
  console.log(JSON.stringify({ lives: totals.lives, seconds: Number(seconds), found }))
} else if (failure === null) {
  const hours = (totals.virtualMs / 3_600_000).toFixed(1)
  console.log(
    `${totals.lives} schedules held in ${seconds} s: ${hours} hours of the engine's life, ${totals.posts} POSTs, ${totals.faults} faults.`,
  )
} else {
  if (options.trace === true) {
    const { trace } = await new Simulation(failure.plan, { isTraced: true }).run()
    console.log(trace.join('\n'), '\n')
    console.log(fc.stringify(failure.plan), '\n')
  }
  console.log(`After ${failure.schedules} schedules, in ${seconds} s:`)
  console.log(describeFailure(failure))
}
if (failure !== null) process.exitCode = 1
