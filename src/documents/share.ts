import { hash } from 'node:crypto'

/** A number from 0 up to 1 that is always the same for the same parts, and says nothing of that for others. */
export function shareOf(...parts: string[]): number {
  return hash('sha256', parts.map((part) => `${part}\0`).join(''), 'buffer').readUInt32BE(0) / 2 ** 32
}
