import { compileLogic, fullBudget, LogicError } from '../../src/documents/evaluate.ts'
import { compileTemplate } from '../../src/documents/template.ts'
import { VolleyError } from '../../src/errors.ts'
import { HOSTILE, type Hostile } from './hostile-documents.ts'

export interface Ran {
  name: string
  /** `broken`: something that is no error of ours was thrown. */
  ends: Hostile['ends'] | 'broken'
  shown: string
  /** The best of three: what else the machine does is not the document's doing. */
  ms: number
}

/** What comes of a hostile document, and how long it takes. */
export function runHostile(hostile: Hostile): Ran {
  const tries = [1, 2, 3].map(() => {
    const startedAt = performance.now()
    const { ends, shown } = endOf(hostile)
    return { name: hostile.name, ends, shown, ms: performance.now() - startedAt }
  })
  return tries.reduce((best, each) => (each.ms < best.ms ? each : best))
}

function endOf({ rule, data = {}, isTemplate }: Hostile): Pick<Ran, 'ends' | 'shown'> {
  try {
    const run = isTemplate === true ? compileTemplate(rule, '/parameters') : compileLogic(rule, '/when')
    const made = run(data, fullBudget())
    return { ends: 'finished', shown: (JSON.stringify(made) ?? 'nothing').slice(0, 60) }
  } catch (error) {
    const shown = String((error as Error).message).slice(0, 200)
    if (error instanceof VolleyError) return { ends: 'refused', shown }
    return { ends: error instanceof LogicError ? 'ended' : 'broken', shown }
  }
}

// As a process of its own: one line of JSON a document, then what it took.
if (import.meta.main) {
  for (const hostile of HOSTILE) process.stdout.write(`${JSON.stringify(runHostile(hostile))}\n`)
  process.stdout.write(
    `${JSON.stringify({ polluted: 'admin' in {}, rssMb: process.resourceUsage().maxRSS / 1024 })}\n`,
  )
}
