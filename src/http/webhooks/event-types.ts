import Type from 'typebox'
import { exampleOf } from '../../../actors/event-examples.ts'
import { EVENT_TYPES } from '../../../actors/event-types.ts'
import { route } from '../route.ts'

export const getEventTypes = route({
  method: 'GET',
  path: '/api/webhooks/event-types',
  summary: 'What webhook endpoints can be told of, with a JSON Schema and an example each',
  auth: 'key',
  answers: {
    200: Type.Object({
      event_types: Type.Array(
        Type.Object({
          name: Type.String(),
          description: Type.String(),
          schema: Type.Record(Type.String(), Type.Unknown(), { description: 'Of the whole body.' }),
          example: Type.Record(Type.String(), Type.Unknown()),
        }),
      ),
    }),
  },
  async handler() {
    return { status: 200, body: { event_types: DESCRIBED } }
  },
})

const DESCRIBED = Object.entries(EVENT_TYPES).map(([name, { description, data }]) => ({
  name,
  description,
  schema: Type.Object({
    id: Type.String({ description: 'Of what happened; the same in every attempt, and in webhook-id.' }),
    type: name.endsWith('.*') ? Type.String({ pattern: '^custom\\.' }) : Type.Literal(name),
    created_at: Type.String({ description: 'ISO 8601, UTC' }),
    tenant_id: Type.String(),
    data,
  }) as object as Record<string, unknown>,
  example: exampleOf(name as keyof typeof EVENT_TYPES),
}))
