import type { Route } from '../route.ts'
import { getDeliveries, getDelivery, postRecover, postResend } from './deliveries.ts'
import {
  getEndpoint,
  getEndpoints,
  postEndpoint,
  postRotateEndpointSecret,
  putEndpoint,
  removeEndpoint,
} from './endpoints.ts'
import { getEventTypes } from './event-types.ts'
import { getPoll, postAcknowledge } from './poll.ts'
import { getReplay, getReplays, postCancelReplay, postReplay } from './replays.ts'
import { postTestEndpoint } from './test-endpoint.ts'

/** Every call about webhook endpoints. */
export const endpointRoutes: readonly Route[] = [
  getEventTypes,
  getEndpoints,
  postEndpoint,
  getEndpoint,
  putEndpoint,
  removeEndpoint,
  postTestEndpoint,
  postRotateEndpointSecret,
  getDeliveries,
  getDelivery,
  postResend,
  postRecover,
  getPoll,
  postAcknowledge,
  postReplay,
  getReplays,
  getReplay,
  postCancelReplay,
]
