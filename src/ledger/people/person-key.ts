/** Whose row it is; `test` people are known to test keys alone. */
export interface PersonKey {
  tenant: string
  test: boolean
  /** A user id, or the anonymous id of a visitor. */
  id: string
}

/** A text that is the same for the same person and for no other. */
export const personKey = ({ tenant, test, id }: PersonKey): string =>
  `${tenant} ${test ? 'test' : 'live'} ${id}`
