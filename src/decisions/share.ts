import { shareOf } from '../documents/share.ts'

export { shareOf } from '../documents/share.ts'

/** The chance of one decision, always the same. */
export const randomFrom = (decision: string) => (): number => shareOf('pick', decision)
