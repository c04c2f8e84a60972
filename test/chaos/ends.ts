import type { Accepted, Finding, LedgerEnd } from './observed.ts'

/** What was accepted is there once, and has come to its end. */
export function endFindings(accepted: readonly Accepted[], ledger: LedgerEnd): Finding[] {
  return [...lost(accepted, ledger), ...unended(accepted, ledger), ...leftovers(ledger)]
}

function lost(accepted: readonly Accepted[], { rows }: LedgerEnd): Finding[] {
  const told = new Set(accepted.map(({ id }) => id))
  const missing = accepted.filter(({ id }) => !rows.has(id))
  const ghosts = [...rows.keys()].filter((id) => !told.has(id))
  const twice = [...Map.groupBy(accepted, ({ id }) => id)].filter(([, same]) => same.length > 1)
  return [
    ...missing.map(({ id, key }) => ({
      kind: 'accepted and lost',
      about: id,
      text: `accepted with the key ${key}`,
    })),
    ...ghosts.map((id) => ({ kind: 'made without an answer', about: id, text: 'no client was told of it' })),
    ...twice.map(([id, same]) => ({
      kind: 'told twice',
      about: id,
      text: `is the answer to ${same.map(({ key }) => key).join(' and ')}`,
    })),
  ]
}

function unended(accepted: readonly Accepted[], { rows, now }: LedgerEnd): Finding[] {
  return accepted.flatMap(({ id, awaitsOutcome }) => {
    const row = rows.get(id)
    if (
      row === undefined ||
      row.status === 'completed' ||
      row.status === 'failed' ||
      row.status === 'expired'
    )
      return []
    const mayWait = row.status === 'dispatched' && awaitsOutcome && (row.deadline ?? 0) > now
    if (mayWait) return []
    const until = row.deadline === null ? 'none' : new Date(row.deadline).toISOString()
    return [{ kind: 'not ended', about: id, text: `is still ${row.status}, deadline ${until}` }]
  })
}

function leftovers({ deadLetters, factsWaiting, wrongTimers }: LedgerEnd): Finding[] {
  return [
    ...deadLetters.map(({ id, actionId, error }) => ({
      kind: 'dead letter',
      about: actionId ?? id,
      text: error,
    })),
    ...factsWaiting.map((id) => ({
      kind: 'fact not heard',
      about: id,
      text: 'a fact of it was not applied',
    })),
    ...wrongTimers.map((text) => ({ kind: 'wrong timer', about: text.split(' ')[0] ?? text, text })),
  ]
}
