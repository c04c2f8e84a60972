import { InvalidArgumentError } from 'commander'

/** How many lives are asked for; refuses what would hold because nothing was played. */
export function howMany(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number from 1 up.')
  return value
}

/** The seed of an earlier run, as it was printed. */
export function seed(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value))
    throw new InvalidArgumentError('Expected a whole number, as an earlier run printed it.')
  return value
}
