import type { CanonicalItem } from '../../connectors/canonical.ts'
import { partitionOfUser } from '../placement.ts'
import type { NewEvent } from './accept-events.ts'

/**
 * Everything that comes in about a person is a row of `event`, never changed, in the order of its user:
 *
 * | kind | type | user_id | data |
 * |---|---|---|---|
 * | `event` | the name of the event | whom it is about | what the sender said |
 * | `traits` | `$traits` | whom it is about | set, setOnce, unset, add, append, union, remove |
 * | `join` | `$join` | the user that the other becomes | previousId |
 * | `delete` | `$delete` | whom it is about | what: `traits` or `person` |
 *
 * A join lies in the partition of the previous id, whose owner knows what is to be moved; all others in that of their
 * user, or visitor where `is_anonymous`.
 */
export const TYPE_OF = { traits: '$traits', join: '$join', delete: '$delete' } as const

/** How rows are made of items: whose they are, the installation's number of partitions, and new ids. */
export interface RowMaker {
  tenant: string
  partitions: number
  newId(): string
}

/** The rows of a connector's items, in their order. */
export function eventsOf(items: readonly CanonicalItem[], maker: RowMaker): NewEvent[] {
  return items.map((item) => ({
    id: maker.newId(),
    p: partitionOfUser(maker.tenant, item.kind === 'join' ? item.previousId : idOf(item), maker.partitions),
    ...bodyOf(item),
  }))
}

/** A user id goes before an anonymous one: see `Subject`. */
const idOf = (item: Exclude<CanonicalItem, { kind: 'join' }>): string => item.userId ?? item.anonymousId!

function bodyOf(item: CanonicalItem): Omit<NewEvent, 'id' | 'p'> {
  switch (item.kind) {
    case 'event': {
      const { type, data, at, dedupeId } = item
      return { ...subjectOf(item), kind: 'event', type, data: text(data), time: at, onceId: dedupeId }
    }
    case 'traits': {
      const { set, setOnce, unset, add, append, union, remove, at, dedupeId } = item
      const data = text({ set, setOnce, unset, add, append, union, remove })
      return { ...subjectOf(item), kind: 'traits', type: TYPE_OF.traits, data, time: at, onceId: dedupeId }
    }
    case 'join': {
      const { userId, previousId, at } = item
      const data = text({ previousId })
      return {
        userId,
        isAnonymous: false,
        kind: 'join',
        type: TYPE_OF.join,
        data,
        time: at,
        onceId: null,
      }
    }
    case 'delete':
      return {
        ...subjectOf(item),
        kind: 'delete',
        type: TYPE_OF.delete,
        data: text({ what: item.what }),
        time: null,
        onceId: null,
      }
    default:
      return item satisfies never
  }
}

const subjectOf = (item: Exclude<CanonicalItem, { kind: 'join' }>) => ({
  userId: idOf(item),
  isAnonymous: item.userId === null,
})

const text = (value: object) => JSON.stringify(value)
