import { InvalidArgumentError } from 'commander'

/** A whole number from 1 to `max`, as it was typed; throws what commander shows. */
export function wholeNumber(text: string, max: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${max}.`)
  return value
}
