/** A thread of the simulation: runs what it is sent, one after the other. */
import { parentPort } from 'node:worker_threads'
import type { ContenderName } from './contenders.ts'
import { simulate } from './simulate.ts'
import type { World } from './world.ts'

/** One run to make; `id` is for whoever asked. */
export interface Job {
  id: number
  world: World
  contender: ContenderName
  seed: number
}

parentPort!.on('message', ({ id, world, contender, seed }: Job) => {
  parentPort!.postMessage({ id, run: simulate(world, contender, seed) })
})
