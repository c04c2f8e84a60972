import { type CsvError, parse } from 'csv-parse'

/** The file is read in slices, so that nobody else waits for the whole of it. */
const SLICE_BYTES = 64 * 1024
const RECORD_BYTES_MAX = 1_000_000

/** The cells of a line of a file, or why neither it nor what follows can be read. */
export type CsvRecord = { kind: 'cells'; cells: string[] } | { kind: 'broken'; message: string }

/** The records of a CSV file in their order, empty lines left out; what comes before a broken one is given first. */
export async function* recordsOf(bytes: Buffer): AsyncGenerator<CsvRecord> {
  const ready: CsvRecord[] = []
  let isBroken = false
  const parser = parse({
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: RECORD_BYTES_MAX,
    // Taken here and not from the stream, which drops what was parsed and not yet read when it fails.
    on_record: (cells: string[]) => {
      ready.push({ kind: 'cells', cells })
      return null
    },
  })
  parser.on('error', ({ message }: CsvError) => {
    isBroken = true
    ready.push({ kind: 'broken', message })
  })
  parser.resume()
  for (let at = 0; at < bytes.length && !isBroken; at += SLICE_BYTES) {
    const slice = bytes.subarray(at, at + SLICE_BYTES)
    await new Promise<void>((resolve) => parser.write(slice, () => resolve()))
    yield* ready.splice(0)
  }
  if (!isBroken) await new Promise<void>((resolve) => parser.end(() => resolve()))
  // An error is told after the callback of the call that met it.
  await new Promise<void>((resolve) => setImmediate(resolve))
  yield* ready.splice(0)
}
