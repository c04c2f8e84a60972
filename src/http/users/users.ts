import Type from 'typebox'
import { type Mistake, VolleyError } from '../../errors.ts'
import { listPeople } from '../../ledger/people/read-people.ts'
import { instantMs } from '../external/instant.ts'
import { TimeInput } from '../external/new-action.ts'
import { route } from '../route.ts'
import { UserSchema, viewUser } from './user-view.ts'

const ListQuery = Type.Object({
  prefix: Type.Optional(Type.String({ maxLength: 256, description: 'How the id begins.' })),
  anonymous: Type.Optional(Type.Boolean({ description: 'Visitors alone, or users alone.' })),
  seen_since: Type.Optional(TimeInput),
  seen_before: Type.Optional(TimeInput),
  trait: Type.Optional(
    Type.String({
      pattern: '^[^:]+:',
      maxLength: 1_024,
      description: 'a name, a colon and a value',
      examples: ['plan:pro'],
    }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
  cursor: Type.Optional(Type.String({ maxLength: 1_024 })),
})

export const getUsers = route({
  method: 'GET',
  path: '/api/users',
  summary: 'List users by id',
  description:
    'Ids that were joined to another one are not in the list. A page looks at 5,000 users at most, so with filters it may be short or empty and still have a `next_cursor`.',
  auth: 'key',
  query: ListQuery,
  answers: {
    200: Type.Object({
      users: Type.Array(UserSchema),
      next_cursor: Type.Union([Type.String(), Type.Null()]),
    }),
  },
  async handler({ query, caller, deps }) {
    const page = await listPeople(
      deps.ledger.pool,
      { tenant: caller.tenant, test: caller.mode === 'test' },
      {
        prefix: query.prefix ?? null,
        isAnonymous: query.anonymous ?? null,
        seenSince: timeOf(query.seen_since, '/seen_since'),
        seenBefore: timeOf(query.seen_before, '/seen_before'),
        trait: traitOf(query.trait),
        after: query.cursor === undefined ? null : afterOf(query.cursor),
        limit: query.limit ?? 50,
      },
    )
    const next = page.end === null ? null : Buffer.from(JSON.stringify([page.end])).toString('base64url')
    return { status: 200, body: { users: page.people.map(viewUser), next_cursor: next } }
  },
})

function timeOf(text: string | undefined, path: string): number | null {
  return text === undefined ? null : (instantMs(text) ?? wrong(path, 'must be a date that exists'))
}

function traitOf(text: string | undefined): { name: string; value: string } | null {
  if (text === undefined) return null
  const colon = text.indexOf(':')
  return { name: text.slice(0, colon), value: text.slice(colon + 1) }
}

function afterOf(cursor: string): string {
  try {
    const [id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown]
    if (typeof id === 'string' && !id.includes('\0') && id.isWellFormed()) return id
  } catch {
    // Not one of ours.
  }
  return wrong('/cursor', 'must be the next_cursor of a list with the same filters')
}

function wrong(path: string, message: string): never {
  throw new VolleyError('invalid_query', undefined, { details: [{ path, message }] satisfies Mistake[] })
}
