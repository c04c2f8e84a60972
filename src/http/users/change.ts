import Type, { type Static } from 'typebox'
import { NAMES_MAX, type PermissionChange } from '../../../actors/permissions.ts'
import { localeIn, type ProfileChange, timezoneIn } from '../../../actors/person.ts'
import { TRAIT_NAME_MAX, TRAITS_MAX, type Traits } from '../../../actors/traits.ts'
import type { Mistake } from '../../errors.ts'
import { instantMs } from '../external/instant.ts'
import { TimeInput } from '../external/new-action.ts'

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const TraitName = Type.String({ minLength: 1, maxLength: TRAIT_NAME_MAX })
const named = <T extends Type.TSchema>(schema: T) =>
  Type.Record(Type.String({ minLength: 1, maxLength: 128 }), schema, { maxProperties: NAMES_MAX })
const traits = <T extends Type.TSchema>(schema: T, description: string) =>
  Type.Optional(Type.Record(TraitName, schema, { maxProperties: TRAITS_MAX, description }))
const byTarget = <T extends Type.TSchema>(schema: T, description: string) =>
  Type.Optional(
    Type.Object(
      { channels: Type.Optional(named(schema)), actions: Type.Optional(named(schema)) },
      { description, additionalProperties: false },
    ),
  )

/** What may be said of a user; what is left out stays as it is. */
export const UserChange = Type.Object(
  {
    traits: traits(Type.Unknown(), 'Traits to set; null is a value.'),
    set_once: traits(Type.Unknown(), 'Set only where there is no value yet.'),
    add: traits(Type.Number(), 'Added to the number that is there, or to zero.'),
    append: traits(Type.Unknown(), 'One value each, put at the end of a list.'),
    union: traits(Type.Array(Type.Unknown()), 'Values put at the end of a list where they are not in it.'),
    remove: traits(Type.Unknown(), 'One value each, taken out of a list.'),
    unset: Type.Optional(Type.Array(TraitName, { maxItems: TRAITS_MAX, description: 'Traits to forget.' })),
    timezone: Type.Optional(Nullable(Type.String({ examples: ['Europe/Berlin'] }))),
    locale: Type.Optional(Nullable(Type.String({ examples: ['de-DE'] }))),
    consent: byTarget(
      Nullable(Type.Boolean()),
      'By channel and action, `*` for all: false is withdrawn, null forgets what was said.',
    ),
    suppression: byTarget(
      Type.Union([Type.Boolean(), TimeInput]),
      'By channel and action, `*` for all: true until it is lifted, a time until then, false lifts it.',
    ),
  },
  { additionalProperties: false },
)
export type UserChange = Static<typeof UserChange>

/** The change that a body asks for, and what is wrong with it beyond its shape. */
export function readChange(body: UserChange): { change: ProfileChange; mistakes: Mistake[] } {
  const mistakes: Mistake[] = []
  if (typeof body.timezone === 'string' && timezoneIn(body.timezone) === null)
    mistakes.push({ path: '/timezone', message: 'must be an IANA time zone such as Europe/Berlin' })
  if (typeof body.locale === 'string' && localeIn(body.locale) === null)
    mistakes.push({ path: '/locale', message: 'must be a language tag such as de-DE' })
  const suppression = readSuppression(body.suppression, mistakes)
  // The body was JSON, so its values are.
  const { set_once, timezone, locale, consent, ...operations } = body
  const change = {
    set: operations.traits as Traits | undefined,
    setOnce: set_once as Traits | undefined,
    add: operations.add,
    append: operations.append as Traits | undefined,
    union: operations.union as ProfileChange['union'],
    remove: operations.remove as Traits | undefined,
    unset: operations.unset,
    timezone,
    locale,
    consent,
    suppression,
  }
  return { change: JSON.parse(JSON.stringify(change)) as ProfileChange, mistakes }
}

function readSuppression(
  said: UserChange['suppression'],
  mistakes: Mistake[],
): PermissionChange['suppression'] {
  if (said === undefined) return undefined
  const read = (kind: 'channels' | 'actions') =>
    Object.fromEntries(
      Object.entries(said[kind] ?? {}).map(([name, value]) => {
        const until = typeof value === 'string' ? instantMs(value) : value
        if (until === null)
          mistakes.push({
            path: `/suppression/${kind}/${pointer(name)}`,
            message: 'must be a date that exists',
          })
        return [name, until ?? true]
      }),
    )
  return { channels: read('channels'), actions: read('actions') }
}

const pointer = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1')
