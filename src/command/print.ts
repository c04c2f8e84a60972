/** Writes a line of what was asked for. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
