import type { Cluster, Redis } from 'ioredis'
import type { Log } from '../log.ts'

const LOST = 'redis: connection lost, work goes on by the sweep'
const BACK = 'redis: connection is back'

/** What an error says; one that gathers several (an address for each family of a name) has no text of its own. */
export function saidBy(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(saidBy).join(', ')
  return error instanceof Error ? error.message || error.name : String(error)
}

/** Logs the loss of a connection once, and its return. */
export function reportFaults(redis: Redis, log: Log): void {
  let isDown = false
  redis.on('error', (error: Error) => {
    if (!isDown) log.warn({ error: saidBy(error) }, LOST)
    isDown = true
  })
  redis.on('ready', () => {
    if (isDown) log.info(BACK)
    isDown = false
    void warnOfCluster(redis, log)
  })
}

/** A node of a cluster takes the nudges of its own slots only, and a single connection would never ask the others. */
async function warnOfCluster(redis: Redis, log: Log): Promise<void> {
  const info = await redis.info('server').catch(() => '')
  if (isClusterNode(info))
    log.warn(
      'redis: REDIS_URL leads to a node of a cluster, and most nudges are lost; write ?cluster=true after it',
    )
}

/** Whether this is what a node of a cluster answers to INFO. */
export function isClusterNode(info: string): boolean {
  return /^redis_mode:cluster/m.test(info)
}

/** Logs the loss of each node once, its return, and the loss of them all. */
export function reportClusterFaults(cluster: Cluster, log: Log): void {
  const down = new Set<string>()
  let isDown = false
  cluster.on('error', (error: Error) => {
    if (!isDown) log.warn({ error: saidBy(error) }, LOST)
    isDown = true
  })
  cluster.on('ready', () => {
    if (isDown) log.info(BACK)
    isDown = false
  })
  cluster.on('node error', (error: Error, node: string) => {
    if (!down.has(node)) log.warn({ node, error: saidBy(error) }, LOST)
    down.add(node)
  })
  cluster.on('+node', (redis: Redis) => {
    const node = `${redis.options.host}:${redis.options.port}`
    redis.on('ready', () => {
      if (down.delete(node)) log.info({ node }, BACK)
    })
  })
  cluster.on('refresh', () => {
    // A node that is no longer there will not come back.
    const present = new Set(cluster.nodes().map(({ options }) => `${options.host}:${options.port}`))
    for (const node of down) if (!present.has(node)) down.delete(node)
  })
}
