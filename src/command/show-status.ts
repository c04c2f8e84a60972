import { durationText } from '../duration.ts'
import type { Status } from '../ledger/status.ts'

const many = (n: number, isMore = false): string => `${n.toLocaleString('en')}${isMore ? '+' : ''}`

const seconds = (ms: number): string => durationText(Math.max(0, Math.round(ms / 1_000)) * 1_000)

/** The status as lines of text: what is wrong comes first. */
export function showStatus(status: Status): string[] {
  const wrong = whatIsWrong(status)
  return [
    ...(wrong.length === 0 ? ['Nothing is wrong.'] : wrong.map((line) => `! ${line}`)),
    '',
    totals(status),
    '',
    ...columns(
      ['worker', 'host', 'pid', 'partitions', 'beat ends in'],
      status.workers.map((worker) => [
        worker.id,
        worker.host,
        String(worker.pid),
        String(worker.partitions),
        worker.beatEndsInMs === null ? '-' : seconds(worker.beatEndsInMs),
      ]),
    ),
    ...(status.lanes.length === 0
      ? []
      : [
          '',
          ...columns(
            ['tenant', 'destination', 'waiting', 'oldest due for'],
            status.lanes.map((lane) => [
              lane.tenant,
              lane.destination,
              many(lane.waiting, lane.isMore),
              lane.oldestMs < 0 ? '-' : seconds(lane.oldestMs),
            ]),
          ),
        ]),
  ]
}

function totals(status: Status): string {
  const waiting = `${many(status.waiting, status.isMoreWaiting)} waiting`
  const oldest = status.oldestMs === null ? '' : `, the oldest due for ${seconds(status.oldestMs)}`
  return `${waiting}${oldest}; ${many(status.sleeping, status.isMoreSleeping)} due later`
}

function whatIsWrong(status: Status): string[] {
  const { partitions, workers, suspects, breakers, deadLetters, notSending, rules, stopped } = status
  const wrong: string[] = []
  if (workers.length === 0) wrong.push('no worker is alive: nothing is sent')
  else if (partitions.free > 0) wrong.push(`${partitions.free} of ${partitions.all} partitions have no owner`)
  if (partitions.suspect > 0)
    wrong.push(
      `${partitions.suspect} of ${partitions.all} partitions are worked on one by one, since their owners died soon after each other`,
    )
  for (const { id, deaths } of suspects)
    wrong.push(`${deaths === 1 ? 'a worker' : `${deaths} workers`} died with ${id} in hand`)
  for (const { tenant, destination, openForMs, reason } of breakers)
    wrong.push(`${tenant}: nothing is sent to ${destination} for ${seconds(openForMs)} (${reason})`)
  for (const { tenant, sending, reason } of notSending)
    wrong.push(`${tenant}: sending is ${sending}${reason === null ? '' : ` (${reason})`}`)
  for (const { message, processes, sinceMs } of rules.broken)
    wrong.push(
      `an edit of ${seconds(sinceMs)} ago is broken, ${many(processes)} ${processes === 1 ? 'process keeps' : 'processes keep'} the rules before it: ${message}`,
    )
  if (rules.versions > 1 && rules.broken.length === 0)
    wrong.push(`${rules.versions} versions of the rules are in force at the same time`)
  for (const { tenant, document, version, why, sinceMs } of stopped)
    wrong.push(`${tenant}: version ${version} of ${document} was stopped ${seconds(sinceMs)} ago: ${why}`)
  if (deadLetters > 0) wrong.push(`${many(deadLetters)} dead letters: volley dead-letters list`)
  return wrong
}

/** Rows under a head, each column as wide as its widest cell. */
export function columns(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
}
