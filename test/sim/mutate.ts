import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { Option, program } from 'commander'
import { howMany, seed } from './arguments.ts'
import { MUTATIONS, type Mutation } from './mutations.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const HOOK = join(import.meta.dirname, 'patch-hook.ts')
/** The exit code of a process whose patch found nothing to patch. */
const MOVED = 99
const CONTRACT = 'test/integration/ledger-contract.test.ts'

program
  .name('npm run test:mutations --')
  .description(
    'Takes one guard of the engine away at a time: the simulation, and the contract of the ledger, must notice',
  )
  .option('--schedules <n>', 'how many lives each gets to show it', howMany, 20_000)
  .option('--seed <n>', 'the same lives as an earlier run', seed, 1)
  .addOption(new Option('--only <guard>', 'this one alone').choices(MUTATIONS.map(({ guard }) => guard)))
  .parse()
const options = program.opts<{ schedules: number; seed: number; only?: string }>()

interface Ran {
  code: number | null
  out: string
}

function run(mutation: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', HOOK, ...args], {
      cwd: ROOT,
      env: { ...process.env, VOLLEY_MUTATION: mutation },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        out += chunk
      })
    child.once('exit', (code) => resolve({ code, out }))
  })
}

/** What the simulation says of an engine without this guard. */
async function simulate({ guard }: Mutation): Promise<{ isFound: boolean; text: string }> {
  const args = ['--first', '--json', '--schedules', String(options.schedules), '--seed', String(options.seed)]
  const { out } = await run(`engine:${guard}`, [join(import.meta.dirname, 'main.ts'), ...args])
  const last = out.trim().split('\n').at(-1) ?? ''
  if (!last.startsWith('{')) return { isFound: false, text: `did not run: ${last}` }
  const { found, lives } = JSON.parse(last) as {
    lives: number
    found: { schedules: number; breach: string } | null
  }
  if (found === null) return { isFound: false, text: `NOT FOUND in ${lives} schedules` }
  return { isFound: true, text: `after ${found.schedules}: ${found.breach.replace(/, at .*?:/, ':')}` }
}

/** What the contract says of a ledger without this guard in its statement. */
async function contract({ guard, ledger }: Mutation): Promise<{ isFound: boolean; text: string }> {
  if (ledger.length === 0) return { isFound: true, text: '-' }
  const mocha = join(ROOT, 'node_modules', 'mocha', 'bin', 'mocha.js')
  const { code, out } = await run(`ledger:${guard}`, [mocha, '--no-parallel', CONTRACT])
  const failed = /^\s+1\) (.*)$/m.exec(out)?.[1]
  if (code === MOVED || failed === undefined)
    return { isFound: false, text: code === 0 ? 'NOT FOUND' : `did not run: ${out.trim().split('\n')[0]}` }
  return { isFound: true, text: failed }
}

const chosen = MUTATIONS.filter(({ guard }) => options.only === undefined || guard === options.only)
const waiting = [...chosen]
let missed = 0
async function worker(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [engine, ledger] = [await simulate(next), await contract(next)]
    if (!engine.isFound || !ledger.isFound) missed++
    console.log(`${next.guard}\n  simulation  ${engine.text}\n  contract    ${ledger.text}`)
  }
}
await Promise.all([worker(), worker()])
console.log(
  missed === 0
    ? `\nEach of ${chosen.length} guards is missed where it is gone.`
    : `\n${missed} of ${chosen.length} were not noticed.`,
)
process.exitCode = missed === 0 ? 0 : 1
