import type { Finding, LedgerEnd, Step } from './observed.ts'
import type { Run } from './run.ts'

/** The figures of a run, a name and a value a line. */
export function figures({ parts, ledger, sends, findings, settleSeconds, seconds }: Run): string {
  const { traffic, bystanders, receivers, faults, client, installation } = parts
  const rows = [...ledger.rows.values()]
  const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0)
  const lines: [string, string | number][] = [
    ['accepted', traffic.accepted.length],
    ['in the ledger', rows.length],
    ...counted(rows.map(({ status }) => `ended as ${status}`)),
    ['attempts recorded', sum(rows.map(({ attempt }) => attempt))],
    ['POSTs received', receivers.receipts.length],
    ['not recorded, an outcome came first', sends.overtaken],
    ['duplicates explained by a fault', sends.explained],
    ['duplicates unexplained', sends.unexplained],
    ['outcomes reported / acknowledged', `${bystanders.counts.reports} / ${bystanders.acknowledged.length}`],
    ['cancels asked / granted', `${bystanders.counts.cancels} / ${bystanders.cancelled.length}`],
    ['retries forced', bystanders.counts.forced],
    ...Object.entries(client.repeats).map(([why, n]): [string, number] => [`calls repeated, ${why}`, n]),
    ...counted(faults.done.map(({ kind }) => `fault ${kind}`)),
    ['commits that were not heard of', sum(installation.members.map(({ postgres }) => postgres.unheard))],
    ['faults skipped, nobody was up', faults.skipped],
    ['partitions taken over', ledger.takeovers],
    ['workers, by all their ids', ledger.workers],
    ['starts that failed', installation.deaths.filter(({ hadStarted }) => !hadStarted).length],
    ['dead letters', ledger.deadLetters.length],
    ['seconds until all had ended', settleSeconds.toFixed(1)],
    ['seconds', seconds.toFixed(0)],
    ['findings', findings.length],
  ]
  const width = Math.max(...lines.map(([name]) => name.length))
  return lines.map(([name, value]) => `| ${name.padEnd(width)} | ${String(value).padStart(11)} |`).join('\n')
}

function counted(names: readonly string[]): [string, number][] {
  return [...Map.groupBy(names, (name) => name)]
    .map(([name, same]): [string, number] => [name, same.length])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Findings with the history of the actions they are about, at most `limit` of each kind. */
export function report(findings: readonly Finding[], ledger: LedgerEnd, limit: number): string {
  const lines: string[] = []
  for (const [kind, same] of Map.groupBy(findings, (finding) => finding.kind)) {
    lines.push(`${kind}: ${same.length}`)
    for (const { about, text } of same.slice(0, limit)) {
      lines.push(`  ${about}: ${text}`, ...(ledger.steps.get(about) ?? []).map(stepLine))
    }
    if (same.length > limit)
      lines.push(
        `  and ${same
          .slice(limit)
          .map(({ about }) => about)
          .join(', ')}`,
      )
  }
  return lines.join('\n')
}

function stepLine({ version, at, kind, from, to, attempt, httpStatus }: Step): string {
  const status = httpStatus === null ? '' : `, answered ${httpStatus}`
  return `    ${version}  ${new Date(at).toISOString()}  ${kind}: ${from} to ${to}, attempt ${attempt}${status}`
}
