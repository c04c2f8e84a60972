import type { IdentityJoin, JsonObject, Subject } from './canonical.ts'
import { anonymous, isPlaceholder, type Mistaken, mistaken, type ReadId, readId, user } from './identity.ts'

const DEVICE = '$device:'

/**
 * The first of `values` that names somebody; what Mixpanel takes for a placeholder names nobody. `names` are the places
 * of the values below `/properties`, or below `root`.
 */
export function firstSubject(
  names: readonly string[],
  values: readonly unknown[],
  root = '/properties',
): { kind: 'subject'; subject: Subject } | Mistaken {
  let placeholder: Mistaken | null = null
  for (const [index, value] of values.entries()) {
    const where = `${root}/${names[index]}`
    const id = readId(value, where)
    if (id.kind === 'mistaken') return id
    if (id.kind === 'absent') continue
    if (!isPlaceholder(id.id)) return { kind: 'subject', subject: subjectOf(id.id) }
    placeholder ??= mistaken(where, `is ${JSON.stringify(id.id)}, which stands for nobody`)
  }
  return placeholder ?? mistaken(`${root}/${names[0]}`, 'is missing')
}

function subjectOf(id: string): Subject {
  return id.startsWith(DEVICE) && id.length > DEVICE.length ? anonymous(bare(id)) : user(id)
}

const bare = (id: string) =>
  id.startsWith(DEVICE) && id.length > DEVICE.length ? id.slice(DEVICE.length) : id

/** The identities that an event says are one; none for most events. */
export function joinsOf(name: string, properties: JsonObject, at: number | null): IdentityJoin[] {
  const read = (value: unknown) => readId(value, '')
  switch (name) {
    case '$identify': {
      const { $identified_id, distinct_id, $user_id, $anon_id, $anon_distinct_id, $device_id } = properties
      const userId = read($identified_id ?? distinct_id ?? $user_id)
      return join(read($anon_id ?? $anon_distinct_id ?? $device_id), userId, at)
    }
    case '$create_alias':
      // Mixpanel calls the new name the alias: the user id that a visitor gets when signing up.
      return join(read(properties.distinct_id), read(properties.alias), at)
    case '$merge': {
      const ids = Array.isArray(properties.$distinct_ids) ? properties.$distinct_ids : []
      const userId = ids.find((id) => typeof id === 'string' && !id.startsWith(DEVICE)) ?? ids[0]
      return ids.slice(0, MERGED_MAX).flatMap((id) => join(read(id), read(userId), at))
    }
    default:
      return []
  }
}

/** Mixpanel merges two at a time. */
const MERGED_MAX = 10

function join(previous: ReadId, userId: ReadId, at: number | null): IdentityJoin[] {
  if (previous.kind !== 'id' || userId.kind !== 'id') return []
  const [previousId, joined] = [bare(previous.id), bare(userId.id)]
  if (previousId === joined || isPlaceholder(previousId) || isPlaceholder(joined)) return []
  return [{ kind: 'join', source: 'mixpanel', previousId, userId: joined, at }]
}
