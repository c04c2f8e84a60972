import type { Source, Subject, TraitChange } from './canonical.ts'

/** What a change says beside its operations. */
export type ChangeOrigin = Subject & { source: Source; at: number | null; dedupeId: string | null }

/** What a change does; each operation that is left out does nothing. */
export type Operations = Partial<
  Pick<TraitChange, 'set' | 'setOnce' | 'unset' | 'add' | 'append' | 'union' | 'remove'>
>

/** A change of traits, complete. */
export function traitChange(origin: ChangeOrigin, operations: Operations): TraitChange {
  return {
    kind: 'traits',
    ...origin,
    set: operations.set ?? {},
    setOnce: operations.setOnce ?? {},
    unset: operations.unset ?? [],
    add: operations.add ?? {},
    append: operations.append ?? {},
    union: operations.union ?? {},
    remove: operations.remove ?? {},
  }
}
