import fc from 'fast-check'
import { type Plan, plans } from './plan.ts'
import { Simulation } from './simulation.ts'

const [n, seed, which] = process.argv.slice(2).map(Number)
const sample = fc.sample(plans, { numRuns: n!, seed: seed! }) as Plan[]
const plan = sample[which!]!
console.log(JSON.stringify(plan.faults), plan.workers, JSON.stringify(plan.nudges), plan.seed)
console.log(plan.actions.map((a, i) => `${i} ${JSON.stringify(a)}`).join('\n'))
for (let k = 0; k < 3; k++) {
  const r = await new Simulation(plan).run()
  console.log(r.breaches, r.posts, r.elapsedMs)
}
const run = await new Simulation(plan, { isTraced: true }).run()
console.log(run.trace.join('\n'))
console.log(run.breaches)
