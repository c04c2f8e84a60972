import Type from 'typebox'
import type { Document } from '../../connectors/decode.ts'
import { isObject } from '../../connectors/storable.ts'
import { type Route, route } from '../route.ts'
import { receive, unusable } from './receive.ts'

const taken = {
  tag: 'libraries',
  auth: 'vendor',
  openQuery: true,
  description: 'With the key as `api_key` of the body.',
  errors: ['no_usable_event', 'backlog_full'],
} as const

const capture = ['/batch', '/capture', '/e', '/i/v0/e'].map((path) =>
  route({
    ...taken,
    method: 'POST',
    path,
    summary: `What a library of PostHog sends to ${path}/`,
    body: Type.Unknown(),
    answers: { 200: Type.Object({ status: Type.Literal('Ok') }) },
    async handler({ incoming, deps }) {
      const received = await receive(incoming, deps, {
        source: 'posthog',
        keyIn: 'anywhere',
        isSigned: false,
      })
      if (received.kind === 'unusable') throw unusable(received.mistakes)
      return { status: 200, body: { status: 'Ok' as const } }
    },
  }),
)

/** The newer protocol of the same libraries, which they speak with POSTHOG_CAPTURE_MODE=v1. */
const captureV1 = route({
  ...taken,
  method: 'POST',
  path: '/i/v1/analytics/events',
  summary: 'What a library of PostHog sends to /i/v1/analytics/events',
  description: 'With the key as a bearer token. What is not named in `results` was taken.',
  body: Type.Unknown(),
  answers: { 200: Type.Object({ results: Type.Object({}) }) },
  async handler({ incoming, deps }) {
    const received = await receive(incoming, deps, {
      source: 'posthog',
      keyIn: 'head',
      isSigned: false,
      reshape: withOptions,
    })
    if (received.kind === 'unusable') throw unusable(received.mistakes)
    return { status: 200, body: { results: {} } }
  },
})

/** Where the newer protocol keeps what are properties in the older one. */
const OPTIONS = {
  process_person_profile: '$process_person_profile',
  disable_skew_correction: '$ignore_sent_at',
} as const

function withOptions(document: Document): Document {
  if (document.kind !== 'json' || !isObject(document.value) || !Array.isArray(document.value.batch))
    return document
  return { kind: 'json', value: { ...document.value, batch: document.value.batch.map(withOptionsInside) } }
}

function withOptionsInside(item: unknown): unknown {
  if (!isObject(item) || !isObject(item.options)) return item
  const { options, ...event } = item
  const found = Object.entries(OPTIONS).flatMap(([option, property]) =>
    options[option] === undefined ? [] : [[property, options[option]]],
  )
  return {
    ...event,
    properties: { ...(isObject(event.properties) ? event.properties : {}), ...Object.fromEntries(found) },
  }
}

/** Volley has no flags, surveys or recordings; a library that asks for them hears that there are none. */
const NOTHING = {
  flags: {},
  featureFlags: {},
  featureFlagPayloads: {},
  errorsWhileComputingFlags: false,
  sessionRecording: false,
  surveys: false,
  hasFeatureFlags: false,
  supportedCompression: ['gzip', 'gzip-js'],
}
const NO_DEFINITIONS = { flags: [], group_type_mapping: {}, cohorts: {} }

const asked = [
  ['POST', '/flags', NOTHING],
  ['POST', '/decide', NOTHING],
  ['GET', '/array/:token/config', NOTHING],
  ['GET', '/api/surveys', { surveys: [] }],
  ['GET', '/flags/definitions', NO_DEFINITIONS],
  ['GET', '/api/feature_flag/local_evaluation', NO_DEFINITIONS],
] as const

const nothing = asked.map(([method, path, body]) =>
  route({
    method,
    path,
    summary: 'Says to a library of PostHog that there are no flags, surveys or recordings',
    tag: 'libraries',
    auth: 'none',
    openQuery: true,
    ...(path.includes(':token') ? { params: Type.Object({ token: Type.String() }) } : {}),
    answers: { 200: Type.Record(Type.String(), Type.Unknown()) },
    async handler() {
      return { status: 200, body }
    },
  }),
)

/** What the libraries of PostHog speak to. */
export const posthogLibraryRoutes: readonly Route[] = [...capture, captureV1, ...nothing]
