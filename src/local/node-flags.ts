/**
 * How Node runs the processes of the platform. One helper thread is enough for what they collect and compile; on a machine
 * with few cores more of them keep the main thread waiting. A larger young generation is collected less often, and lets most
 * of what an action needs die before it is copied. docs/performance.md has what both are worth; the Procfile says them too.
 */
export const NODE_FLAGS: readonly string[] = ['--v8-pool-size=1', '--max-semi-space-size=32']
