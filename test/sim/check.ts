import fc from 'fast-check'
import { type Plan, plans } from './plan.ts'
import { type Run, Simulation } from './simulation.ts'

export interface CheckOptions {
  schedules: number
  /** Null: another one each time. */
  seed: number | null
  /** Where in the seed's tree the plan stands, as an earlier check printed it; null: from its beginning. */
  path: string | null
  /** The first plan that fails is given as it is, and not made smaller. */
  isFirstEnough?: boolean
  /** Virtual times, posts and faults of every run, as they come. */
  onRun?(plan: Plan, run: Run): void
}

/** A plan after which something did not hold, made as small as could be found. */
export interface Failure {
  seed: number
  path: string
  plan: Plan
  breaches: string[]
  /** Plans tried, those that made it smaller left out. */
  schedules: number
}

/** Runs plans one after the other until one fails; null where none does. */
export async function check(options: CheckOptions): Promise<Failure | null> {
  const { schedules, seed, path } = options
  let tried = 0
  let isFailed = false
  const property = fc.asyncProperty(plans, async (plan) => {
    if (!isFailed) tried++
    const run = await new Simulation(plan).run()
    options.onRun?.(plan, run)
    if (run.breaches.length === 0) return
    isFailed = true
    throw new Error(run.breaches.join('\n'))
  })
  const details = await fc.check(property, {
    numRuns: schedules,
    ...(seed === null ? {} : { seed }),
    ...(path === null ? {} : { path }),
    endOnFailure: options.isFirstEnough === true,
  })
  if (!details.failed || details.counterexample === null) return null
  const [plan] = details.counterexample
  const { breaches } = await new Simulation(plan).run()
  return { seed: details.seed, path: details.counterexamplePath ?? '', plan, breaches, schedules: tried }
}

/** What a person needs to see it again. */
export function describeFailure({ seed, path, plan, breaches }: Failure): string {
  return [
    ...breaches.slice(0, 10),
    '',
    `faults: ${plan.faults.length === 0 ? 'none' : ''}`,
    ...plan.faults.map((fault) => `  ${JSON.stringify(fault)}`),
    `${plan.workers} workers, ${plan.actions.length} actions, ${plan.events.length} events, nudges ${JSON.stringify(plan.nudges)}`,
    '',
    `Again, with everything that was said on the way: npm run test:sim -- --seed ${seed} --path ${path} --trace`,
  ].join('\n')
}
