/** Rows of this worker were not at the version it knew: they must be read again before anything is decided. */
export class VersionMismatch extends Error {
  readonly ids: readonly string[]

  constructor(ids: readonly string[]) {
    super(`the ledger has other versions of ${ids.length} actions: ${ids.slice(0, 5).join(', ')}`)
    this.name = 'VersionMismatch'
    this.ids = ids
  }
}
