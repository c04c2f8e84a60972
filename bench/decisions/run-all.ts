import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { CONTENDER_NAMES } from './contenders.ts'
import { figuresOf, type WorldFigures } from './figures.ts'
import type { Run } from './simulate.ts'
import type { Job } from './thread.ts'
import type { World } from './world.ts'

const THREADS_MAX = 8

/** Runs every contender in every world with the seeds from 1, on all cores; `done` hears of each world that is finished. */
export async function runAll(
  worlds: readonly World[],
  seeds: number,
  done: (figures: WorldFigures) => void,
): Promise<WorldFigures[]> {
  const threads = Array.from(
    { length: Math.min(THREADS_MAX, availableParallelism()) },
    () => new Worker(new URL('./thread.ts', import.meta.url)),
  )
  const all: WorldFigures[] = []
  try {
    for (const world of worlds) {
      const jobs = jobsOf(world, seeds)
      const runs = await runJobs(threads, jobs)
      const byContender = Object.fromEntries(
        CONTENDER_NAMES.map((name) => [name, runs.filter((_, id) => jobs[id]!.contender === name)]),
      ) as Record<(typeof CONTENDER_NAMES)[number], Run[]>
      const figures = figuresOf(world, byContender)
      all.push(figures)
      done(figures)
    }
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
  return all
}

function jobsOf(world: World, seeds: number): Job[] {
  const of = CONTENDER_NAMES.flatMap((contender) =>
    Array.from({ length: seeds }, (_, index) => ({ world, contender, seed: index + 1 })),
  )
  return of.map((job, id) => ({ id, ...job }))
}

/** The runs in the order of the jobs; rejects where a thread fails. */
function runJobs(threads: readonly Worker[], jobs: readonly Job[]): Promise<Run[]> {
  const runs: Run[] = []
  let next = 0
  let left = jobs.length
  return new Promise((resolve, reject) => {
    for (const thread of threads) {
      thread.removeAllListeners()
      thread.on('error', reject)
      thread.on('message', ({ id, run }: { id: number; run: Run }) => {
        runs[id] = run
        left--
        if (left === 0) resolve(runs)
        if (next < jobs.length) thread.postMessage(jobs[next++])
      })
      if (next < jobs.length) thread.postMessage(jobs[next++])
    }
  })
}
