import { SingleBar } from 'cli-progress'
import type { ImportCounts, ImportState } from '../ledger/events/imports.ts'
import type { ImportEnd, ImportWatcher } from './import-file.ts'

/** Where a person looks: a bar for a terminal, lines for everything else. */
export interface ImportScreen {
  write(line: string): void
  /** Null where there is no terminal. */
  bar: SingleBar | null
}

const REASONS_MAX = 10
const EVERY_MS = 5_000

/** A bar on the terminal of this process, where it has one. */
export const importScreen = (): ImportScreen => ({
  write: (line) => process.stderr.write(`${line}\n`),
  bar: process.stderr.isTTY
    ? new SingleBar({
        format: 'import {bar} {percentage}%  {lines} lines  {rows} kept  {rate}/s  {eta_formatted}{note}',
        barCompleteChar: '█',
        barIncompleteChar: '░',
        stream: process.stderr,
      })
    : null,
})

const many = (n: number): string => n.toLocaleString('en')
const kept = ({ events, traits, joins, deletions }: ImportCounts) => events + traits + joins + deletions

/** Shows how an import goes; the first ten lines that cannot be used are told at once. */
export function showImport({ write, bar }: ImportScreen): ImportWatcher & { end(): void } {
  let reasons = 0
  let begun = { lines: 0, at: 0 }
  let toldAt = 0
  /** A line now and then, where there is no bar. */
  const tell = (line: () => string) => {
    if (bar !== null || performance.now() - toldAt < EVERY_MS) return
    toldAt = performance.now()
    write(line())
  }
  const payload = ({ lines, counts }: ImportState, note = '') => ({
    lines: many(lines),
    rows: many(kept(counts)),
    rate: many(Math.round(((lines - begun.lines) * 1_000) / Math.max(1, performance.now() - begun.at))),
    note,
  })
  return {
    began(state, bytes) {
      begun = { lines: state.lines, at: performance.now() }
      toldAt = performance.now()
      if (state.lines > 0) write(`Going on behind line ${many(state.lines)}.`)
      bar?.start(Math.max(1, bytes), 0, payload(state))
    },
    moved(state, bytesRead) {
      bar?.update(bytesRead, payload(state))
      const { lines, rows, rate } = payload(state)
      tell(() => `${lines} lines, ${rows} kept, ${rate}/s`)
    },
    rejected(line, reason) {
      if (++reasons <= REASONS_MAX) write(`line ${line}: ${reason}`)
      else if (reasons === REASONS_MAX + 1) write('Further lines that cannot be used are only counted.')
    },
    waiting() {
      bar?.update({ note: '  waiting for workers' })
      tell(() => 'Waiting for workers, who are behind.')
    },
    end() {
      bar?.stop()
    },
  }
}

/** What came of an import, as lines of text. */
export function importTold({ kind, state }: ImportEnd): string[] {
  const { lines, counts } = state
  const { events, traits, joins, deletions, repeats, skipped, rejected } = counts
  const told = `${many(lines)} lines: ${many(events)} events, ${many(traits)} changes of traits, ${many(joins)} joins, ${many(deletions)} deletions; ${many(repeats)} kept before, ${many(skipped)} not kept, ${many(rejected)} cannot be used.`
  switch (kind) {
    case 'done':
      return [told]
    case 'was-done':
      return [
        `This file was imported before, until ${new Date(state.doneAt!).toISOString()}; --restart reads it again.`,
        told,
      ]
    case 'stopped':
      return [told, 'Stopped; the same command goes on from here.']
    default:
      return kind satisfies never
  }
}
