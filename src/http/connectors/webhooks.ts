import Type, { type Static } from 'typebox'
import { type Cohort, MISSING_USER, type Source } from '../../connectors/canonical.ts'
import { cohortReply } from '../../connectors/mixpanel-cohort.ts'
import { WouldDecide } from '../events/would-decide.ts'
import { MistakesAnswer } from '../mistakes.ts'
import { type Route, route } from '../route.ts'
import { type Received, receive, unusable } from './receive.ts'

const Taken = Type.Object({
  accepted: Type.Integer({ description: 'New events; one that was sent before counts no more.' }),
  users_upserted: Type.Integer({ description: 'Users who were created or updated.' }),
  rejected: Type.Optional({
    ...MistakesAnswer,
    description: 'Where items could not be used: the first 20. All others were taken.',
  }),
  would_decide: Type.Optional(
    Type.Array(WouldDecide, { description: 'Of a test key alone: what rules say of its first 20 events.' }),
  ),
})

const CohortReply = Type.Object(
  {
    action: Type.String(),
    status: Type.Enum(['success', 'failure']),
    error: Type.Optional(Type.Object({ message: Type.String(), code: Type.Integer() })),
  },
  { description: 'What the cohort webhook of Mixpanel wants to hear.' },
)

const VENDORS: Record<Source, { summary: string; example: unknown }> = {
  segment: {
    summary: 'What a webhook of Segment sends',
    example: {
      type: 'track',
      userId: 'user-123',
      event: 'Project Created',
      properties: { projectName: 'Q1 Roadmap', templateUsed: true },
      timestamp: '2026-04-04T12:00:00Z',
    },
  },
  posthog: {
    summary: 'What a webhook of PostHog sends',
    example: {
      event: 'project_created',
      distinct_id: 'user-123',
      properties: { projectName: 'Q1 Roadmap', $current_url: 'https://app.example.com/projects' },
      timestamp: '2026-04-04T12:00:00.000Z',
    },
  },
  mixpanel: {
    summary: 'Events, profiles and cohorts of Mixpanel',
    example: {
      event: 'Project Created',
      properties: { distinct_id: 'user-123', time: 1743782400, projectName: 'Q1 Roadmap', $city: 'Oslo' },
    },
  },
}

/** The documented addresses. Webhooks may be set to another method, which changes nothing. */
export const webhookRoutes: readonly Route[] = (['segment', 'posthog', 'mixpanel'] as const).flatMap(
  (source) => (['POST', 'PUT', 'PATCH'] as const).map((method) => webhook(source, method)),
)

function webhook(source: Source, method: 'POST' | 'PUT' | 'PATCH'): Route {
  const { summary, example } = VENDORS[source]
  return route({
    method,
    path: `/api/connectors/${source}`,
    summary,
    description:
      'One item, a list, {"batch": […]} or lines of JSON; one bad item does not reject the others.',
    auth: 'vendor',
    openQuery: true,
    body: Type.Unknown({ description: 'As the vendor sends it: docs/connectors.md.' }),
    example,
    answers: {
      200: Type.Union([Taken, CohortReply]),
      400: CohortReply,
    },
    errors: [
      'no_usable_event',
      'backlog_full',
      ...(source === 'segment' ? ['signature_invalid' as const] : []),
    ],
    async handler({ incoming, deps }) {
      const received = await receive(incoming, deps, {
        source,
        keyIn: 'head',
        isSigned: source === 'segment',
      })
      return received.cohort === null ? answered(received) : answeredCohort(received.cohort, received)
    },
  })
}

function answered(received: Received): { status: 200; body: Static<typeof Taken> } {
  if (received.kind === 'unusable') throw unusable(received.mistakes)
  const { accepted, usersUpserted, mistakes, wouldDecide } = received
  return {
    status: 200,
    body: {
      accepted,
      users_upserted: usersUpserted,
      ...(mistakes.length === 0 ? {} : { rejected: [...mistakes] }),
      ...(wouldDecide === null || wouldDecide.length === 0 ? {} : { would_decide: wouldDecide }),
    },
  }
}

function answeredCohort({ action }: Cohort, { kind }: Received) {
  const problem = kind === 'unusable' ? { message: MISSING_USER, code: 400 } : null
  return { status: problem === null ? 200 : 400, body: { ...cohortReply(action, problem), action } }
}
