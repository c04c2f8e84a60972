import type { JsonObject, Normalised, Refused, Subject } from './canonical.ts'
import { batchOf, collect, type Fields, type Reading, readData, readName, SKIPPED } from './collect.ts'
import type { Document } from './decode.ts'
import { digestOf } from './dedupe-id.ts'
import type { Mistaken } from './identity.ts'
import { isCohort, readCohort } from './mixpanel-cohort.ts'
import { firstSubject, joinsOf } from './mixpanel-identity.ts'
import { isProfile, readProfile } from './mixpanel-profile.ts'
import { isObject } from './storable.ts'
import { type Arrival, believed, vendorTime } from './times.ts'

/** What Mixpanel's libraries, exports and cohort webhook send: events and changes of profiles, alone or in lists. */
export function fromMixpanel(document: Document, arrival: Arrival): Normalised | Refused {
  if (document.kind === 'json' && isCohort(document.value)) return readCohort(document.value)
  const batch = batchOf(document)
  if (batch.kind === 'refused') return batch
  return collect(batch, { read: (item) => readItem(item, arrival), keyOf })
}

function keyOf({ $token, token, api_key, properties }: Fields): unknown {
  return (
    $token ?? token ?? api_key ?? (isObject(properties) ? (properties.token ?? properties.$token) : undefined)
  )
}

function readItem(item: Fields, arrival: Arrival): Reading {
  // Groups are not among what is kept.
  if (item.$group_key !== undefined) return SKIPPED
  return isProfile(item) ? readProfile(item) : readEvent(item, arrival)
}

function readEvent(item: Fields, arrival: Arrival): Reading {
  const name = readName(item.event, '/event')
  if (name.kind === 'mistaken') return name
  const properties = readData(item.properties, '/properties')
  if (properties.kind === 'mistaken') return properties
  if (properties.data.$ignore === true) return SKIPPED
  const by = subjectOf(properties.data, name.name)
  if (by.kind === 'mistaken') return by
  const time = vendorTime(properties.data.time ?? properties.data.$time)
  const at = believed(time, arrival)
  const data = dataOf(properties.data)
  const origin = { source: 'mixpanel', ...by.subject, at } as const
  const dedupeId = dedupeIdOf({ name: name.name, by: by.subject, time, at, data })
  return {
    kind: 'items',
    items: [
      { kind: 'event', type: name.name, data, dedupeId, ...origin },
      ...joinsOf(name.name, properties.data, at),
    ],
  }
}

/** Everything but what has a place of its own, and the key. */
function dataOf(properties: JsonObject): JsonObject {
  const { distinct_id, time, token, $token, api_key, ...data } = properties
  return data
}

function subjectOf(properties: JsonObject, name: string): { kind: 'subject'; subject: Subject } | Mistaken {
  const { distinct_id, $distinct_id, $user_id, $device_id, $identified_id, $distinct_ids, alias } = properties
  const names = ['distinct_id', '$distinct_id', '$user_id', '$device_id']
  const values = [distinct_id, $distinct_id, $user_id, deviceId($device_id)]
  // These name their user in another place when they name none here.
  if (name === '$identify') return firstSubject([...names, '$identified_id'], [...values, $identified_id])
  if (name === '$create_alias') return firstSubject([...names, 'alias'], [...values, alias])
  if (name === '$merge' && Array.isArray($distinct_ids))
    return firstSubject(
      [...names, ...$distinct_ids.map((_, i) => `$distinct_ids/${i}`)],
      [...values, ...$distinct_ids],
    )
  return firstSubject(names, values)
}

/** A device is a visitor, never a user; Mixpanel writes that as a prefix. */
const deviceId = (id: unknown) => (typeof id === 'string' && id !== '' ? `$device:${id}` : undefined)

/** Mixpanel's id is unique only for one name, user and time; without it, one of the contents, where they say when. */
function dedupeIdOf(event: {
  name: string
  by: Subject
  time: number | null
  at: number | null
  data: JsonObject
}): string | null {
  const { name, by, time, at, data } = event
  const { $insert_id } = data
  const who = by.userId ?? by.anonymousId
  const hasId = (typeof $insert_id === 'string' && $insert_id !== '') || typeof $insert_id === 'number'
  if (hasId) return digestOf([name, who, time, $insert_id])
  return at === null ? null : digestOf([name, who, time, data, 'contents'])
}
