import Type, { type Static } from 'typebox'
import { readStatus, type Status } from '../../ledger/status.ts'
import { route } from '../route.ts'

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const View = Type.Object({
  workers: Type.Array(
    Type.Object({
      id: Type.String(),
      host: Type.String(),
      pid: Type.Integer(),
      partitions: Type.Integer(),
      beat_ends_in_ms: Nullable(Type.Number({ description: 'Negative: it ended.' })),
    }),
  ),
  partitions: Type.Object({
    all: Type.Integer(),
    free: Type.Integer({ description: 'Without an owner.' }),
    crashed: Type.Integer({
      description: 'Whose owner died, while the next has not lived with it for a minute.',
    }),
    suspect: Type.Integer({
      description: 'Worked on one by one, since two owners died soon after each other.',
    }),
  }),
  suspects: Type.Array(Type.Object({ id: Type.String(), p: Type.Integer(), deaths: Type.Integer() }), {
    description: 'Actions and events with which workers died in hand within the last hour, 20 at most.',
  }),
  waiting: Type.Integer({ description: 'Actions that are due, or will be within seconds.' }),
  is_more_waiting: Type.Boolean({ description: 'Counting stopped.' }),
  sleeping: Type.Integer({ description: 'Actions that are due later.' }),
  is_more_sleeping: Type.Boolean({ description: 'Counting stopped.' }),
  oldest_ms: Nullable(Type.Number({ description: 'How long the oldest waiting action is due.' })),
  lanes: Type.Array(
    Type.Object({
      tenant: Type.String(),
      destination: Type.String(),
      waiting: Type.Integer(),
      is_more: Type.Boolean(),
      oldest_ms: Type.Number({ description: 'How long its first action is due; negative: it is not yet.' }),
    }),
    { description: 'The longest, 20 at most.' },
  ),
  breakers: Type.Array(
    Type.Object({
      tenant: Type.String(),
      destination: Type.String(),
      state: Type.String(),
      reason: Type.String(),
      open_for_ms: Type.Number(),
    }),
  ),
  dead_letters: Type.Integer({ description: 'Open ones.' }),
  not_sending: Type.Array(
    Type.Object({ tenant: Type.String(), sending: Type.String(), reason: Nullable(Type.String()) }),
  ),
  rules: Type.Object({
    versions: Type.Integer({ description: 'Different versions that processes decide by at this time.' }),
    broken: Type.Array(
      Type.Object({ message: Type.String(), processes: Type.Integer(), since_ms: Type.Number() }),
      { description: 'Edits that were not taken; these processes keep the version before.' },
    ),
    stopped: Type.Array(
      Type.Object({
        tenant: Type.String(),
        document: Type.String(),
        version: Type.Integer(),
        why: Type.String(),
        since_ms: Type.Number(),
      }),
      { description: 'Versions that were stopped for what came of them within three days, 20 at most.' },
    ),
  }),
})

/** The status as it is shown to programs, over HTTP and by `volley status --json`. */
export const viewStatus = (status: Status): Static<typeof View> => ({
  workers: status.workers.map(({ beatEndsInMs, ...worker }) => ({
    ...worker,
    beat_ends_in_ms: beatEndsInMs,
  })),
  partitions: status.partitions,
  suspects: status.suspects,
  waiting: status.waiting,
  is_more_waiting: status.isMoreWaiting,
  sleeping: status.sleeping,
  is_more_sleeping: status.isMoreSleeping,
  oldest_ms: status.oldestMs,
  lanes: status.lanes.map(({ isMore, oldestMs, ...lane }) => ({
    ...lane,
    is_more: isMore,
    oldest_ms: oldestMs,
  })),
  breakers: status.breakers.map(({ openForMs, ...breaker }) => ({ ...breaker, open_for_ms: openForMs })),
  dead_letters: status.deadLetters,
  not_sending: status.notSending,
  rules: {
    versions: status.rules.versions,
    broken: status.rules.broken.map(({ sinceMs, ...edit }) => ({ ...edit, since_ms: sinceMs })),
    stopped: status.stopped.map(({ sinceMs, ...version }) => ({ ...version, since_ms: sinceMs })),
  },
})

export const getStatus = route({
  method: 'GET',
  path: '/api/operators/status',
  summary: 'Who works, what waits, and what is wrong',
  auth: 'operator',
  answers: { 200: View },
  async handler({ deps }) {
    return { status: 200, body: viewStatus(await readStatus(deps.ledger.pool)) }
  },
})
