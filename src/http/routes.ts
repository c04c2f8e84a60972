import { mixpanelLibraryRoutes } from './connectors/mixpanel-library.ts'
import { posthogLibraryRoutes } from './connectors/posthog-library.ts'
import { segmentLibraryRoutes } from './connectors/segment-library.ts'
import { deleteSegmentSecret, getSegmentSecret, putSegmentSecret } from './connectors/segment-secret.ts'
import { webhookRoutes } from './connectors/webhooks.ts'
import { getLearned } from './decisions/learned.ts'
import { getLift } from './decisions/lift.ts'
import { postDecisionOutcome } from './decisions/outcome.ts'
import { getDecision, getDecisions } from './decisions/read.ts'
import { postRecommend } from './decisions/recommend.ts'
import { getEvents } from './events/list.ts'
import { getEventStream } from './events/stream.ts'
import {
  deleteActionType,
  getActionType,
  getActionTypes,
  postActionType,
  postRotateSecret,
  putActionType,
} from './external/action-types.ts'
import { postAction, postBatch } from './external/actions-accept.ts'
import { postCancel, postOutcome, postRetry } from './external/actions-facts.ts'
import { getAction, getActions } from './external/actions-read.ts'
import { postEvents } from './external/events.ts'
import { getHealthz } from './healthz.ts'
import { openApiRoute } from './openapi.ts'
import {
  deleteDeadLetter,
  getDeadLetter,
  getDeadLetters,
  postRetryDeadLetter,
} from './operators/dead-letters.ts'
import { getLearningOfTenant, putLearningOfTenant } from './operators/learning.ts'
import { putPlanOfTenant } from './operators/plan.ts'
import { getStatus } from './operators/status.ts'
import {
  getBacklogOfTenant,
  getSendingOfTenant,
  getTenants,
  putBacklogOfTenant,
  putSendingOfTenant,
} from './operators/tenants.ts'
import type { Route } from './route.ts'
import { getReach, postActivate, postApprove } from './rules/activate.ts'
import { getRuleDocument, getRuleDocumentDiff, getRuleDocuments, putRuleDocument } from './rules/documents.ts'
import { postEvaluate } from './rules/evaluate.ts'
import { postPreview } from './rules/preview.ts'
import { postTryMapping } from './rules/try-mapping.ts'
import { postTryRules } from './rules/try-rules.ts'
import { getSending, putSending } from './sending.ts'
import { deleteUser, getErasure } from './users/erasure.ts'
import { postImport } from './users/import.ts'
import { getUser, putUser } from './users/user.ts'
import { getUsers } from './users/users.ts'
import { endpointRoutes } from './webhooks/all.ts'

const declared: readonly Route[] = [
  getHealthz,
  postActionType,
  getActionTypes,
  getActionType,
  putActionType,
  deleteActionType,
  postRotateSecret,
  postAction,
  postBatch,
  getActions,
  getAction,
  postOutcome,
  postCancel,
  postRetry,
  postEvents,
  getEvents,
  getEventStream,
  ...webhookRoutes,
  ...endpointRoutes,
  getSegmentSecret,
  putSegmentSecret,
  deleteSegmentSecret,
  getUsers,
  putUser,
  getUser,
  deleteUser,
  getErasure,
  postImport,
  postRecommend,
  getDecisions,
  // Before what takes any id.
  getLearned,
  getLift,
  getDecision,
  postDecisionOutcome,
  postEvaluate,
  postPreview,
  postTryMapping,
  postTryRules,
  getRuleDocuments,
  putRuleDocument,
  getRuleDocument,
  getRuleDocumentDiff,
  getReach,
  postActivate,
  postApprove,
  getSending,
  putSending,
  getStatus,
  getDeadLetters,
  getDeadLetter,
  postRetryDeadLetter,
  deleteDeadLetter,
  getTenants,
  getSendingOfTenant,
  putSendingOfTenant,
  getBacklogOfTenant,
  putBacklogOfTenant,
  putPlanOfTenant,
  getLearningOfTenant,
  putLearningOfTenant,
  ...segmentLibraryRoutes,
  ...posthogLibraryRoutes,
  ...mixpanelLibraryRoutes,
]

/** Every call of the API. */
export const routes: readonly Route[] = [...declared, openApiRoute(declared)]
