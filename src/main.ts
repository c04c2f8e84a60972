#!/usr/bin/env node
import { Command } from 'commander'
import { addDeadLetters } from './command/dead-letters.ts'
import { addDecisions } from './command/decisions.ts'
import { addImport } from './command/import.ts'
import { addKeys } from './command/keys.ts'
import { addPlatform } from './command/platform.ts'
import { addRules } from './command/rules.ts'
import { addStatus } from './command/status.ts'
import { addTenants } from './command/tenants.ts'
import { VolleyError } from './errors.ts'

const program = new Command('volley')
  .description(
    'Decide what a user should get, send that action to the system that can give it, take back what came of it.',
  )
  .showHelpAfterError()

const ADDED = [addPlatform, addKeys, addStatus, addDeadLetters, addTenants, addImport, addRules, addDecisions]
for (const add of ADDED) add(program)

// Whoever reads has heard enough, as `head` does: that is no defect.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

program.parseAsync().catch((error: unknown) => {
  // What was expected to go wrong has a text of its own; anything else is a defect and shows where.
  const text =
    error instanceof VolleyError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error)
  process.stderr.write(`volley: ${text}\n`)
  process.exit(1)
})
