import { registerHooks } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MUTATIONS } from './mutations.ts'

/**
 * Loaded before everything else (`node --import`), with `VOLLEY_MUTATION` naming a guard and a side: source files are
 * patched while they are loaded. A text that does not stand there exactly once stops the process: the guard has moved.
 */
const ROOT = join(import.meta.dirname, '..', '..')
const [side, guard] = (process.env.VOLLEY_MUTATION ?? '').split(':') as ['engine' | 'ledger', string]
const mutation = MUTATIONS.find((each) => each.guard === guard)
if (mutation === undefined) throw new Error(`VOLLEY_MUTATION: no guard is called ${guard}`)
const patches = mutation[side]

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!url.startsWith('file:')) return loaded
    const file = relative(ROOT, fileURLToPath(url))
    const mine = patches.filter((each) => each.file === file)
    if (mine.length === 0) return loaded
    let source = String(loaded.source)
    for (const { from, to } of mine) {
      const count = source.split(from).length - 1
      if (count !== 1) {
        process.stderr.write(`${file} has ${count} times: ${from}\n`)
        process.exit(99)
      }
      source = source.replace(from, () => to)
    }
    return { ...loaded, source }
  },
})
