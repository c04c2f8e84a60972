import type { Letter } from '../ledger/actions/resolve-letters.ts'
import { columns } from './show-status.ts'

const isOfPerson = ({ body }: Letter): boolean => typeof body === 'object' && body !== null && 'due' in body

/** Dead letters as lines of text. */
export function showLetters(letters: readonly Letter[]): string[] {
  if (letters.length === 0) return ['No dead letters.']
  const rows = letters.map((letter) => [
    letter.id,
    new Date(letter.at).toISOString(),
    letter.tenant ?? '-',
    letter.actionId ?? (isOfPerson(letter) ? 'a person' : 'an event'),
    letter.resolution === null ? letter.reason : `${letter.resolution} by ${letter.resolvedBy ?? '-'}`,
    letter.error.split('\n')[0]!.slice(0, 100),
  ])
  return columns(['id', 'at', 'tenant', 'about', 'reason', 'error'], rows)
}
