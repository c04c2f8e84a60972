/**
 * The catalogue of coded errors: one line an error, the same in the API, the logs and docs/errors.md.
 * `status` is the HTTP status, `retryable` says whether the same request may succeed later unchanged.
 */
const catalogue = {
  malformed_json: { status: 400, retryable: false, text: 'The body is not valid JSON.' },
  invalid_body: { status: 400, retryable: false, text: 'The body does not have the expected shape.' },
  invalid_query: {
    status: 400,
    retryable: false,
    text: 'A query parameter has a value that is not allowed.',
  },
  invalid_header: { status: 400, retryable: false, text: 'A header has a value that is not allowed.' },
  invalid_schema: {
    status: 400,
    retryable: false,
    text: 'parameters_schema is not a schema that can be compiled.',
  },
  invalid_parameters: {
    status: 400,
    retryable: false,
    text: 'parameters do not satisfy the schema of the action type.',
  },
  invalid_schedule: { status: 400, retryable: false, text: 'The times of the action contradict each other.' },
  rule_invalid: { status: 400, retryable: false, text: 'The rule has a mistake.' },
  rule_failed: { status: 422, retryable: false, text: 'The rule could not be evaluated over this data.' },
  no_usable_event: { status: 400, retryable: false, text: 'None of the events can be accepted.' },
  address_refused: {
    status: 400,
    retryable: false,
    text: 'The URL points to an address that this installation does not send to.',
  },
  unauthorized: { status: 401, retryable: false, text: 'The API key is missing or not known.' },
  signature_invalid: {
    status: 401,
    retryable: false,
    text: 'The body is not signed by the secret that was set.',
  },
  live_key_needed: { status: 403, retryable: false, text: 'This needs a live key.' },
  sending_held: {
    status: 403,
    retryable: false,
    text: 'An operator stopped the sending, and only an operator starts it again.',
  },
  tenant_key_needed: { status: 403, retryable: false, text: "This needs a tenant's key, not an operator's." },
  operator_key_needed: { status: 403, retryable: false, text: "This needs an operator's key." },
  plan_limit: { status: 403, retryable: false, text: 'The plan of the tenant has no room for one more.' },
  not_found: { status: 404, retryable: false, text: 'Nothing is known under this address.' },
  method_not_allowed: { status: 405, retryable: false, text: 'This address does not take this method.' },
  action_type_unknown: { status: 400, retryable: false, text: 'No active action type has this name.' },
  action_type_exists: { status: 409, retryable: false, text: 'An active action type already has this name.' },
  idempotency_conflict: {
    status: 409,
    retryable: false,
    text: 'The Idempotency-Key was used before with another body.',
  },
  outcome_exists: {
    status: 409,
    retryable: false,
    text: 'Another outcome was already recorded for this action.',
  },
  invalid_transition: {
    status: 409,
    retryable: false,
    text: 'The action is in a state that does not allow this.',
  },
  document_not_checked: {
    status: 409,
    retryable: false,
    text: 'This version of the document has mistakes.',
  },
  document_conflict: {
    status: 409,
    retryable: false,
    text: 'Another document in force is for the same action.',
  },
  approval_needed: {
    status: 409,
    retryable: false,
    text: 'This costs more than one person may put in force.',
  },
  second_person_needed: {
    status: 403,
    retryable: false,
    text: 'Whoever asked for it cannot approve it.',
  },
  too_many_documents: { status: 409, retryable: false, text: 'A tenant may keep only so many documents.' },
  letter_resolved: { status: 409, retryable: false, text: 'The dead letter was resolved before.' },
  too_late: { status: 409, retryable: false, text: 'The action was sent before it could be cancelled.' },
  body_too_large: { status: 413, retryable: false, text: 'The body is larger than this address accepts.' },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    text: 'The body must be application/json in UTF-8.',
  },
  backlog_full: { status: 429, retryable: true, text: 'Too many actions of this tenant wait to be sent.' },
  too_many_streams: { status: 429, retryable: true, text: 'Too many live views are open.' },
  internal: {
    status: 500,
    retryable: true,
    text: 'Something failed inside; the log has the details under this request id.',
  },
  unavailable: {
    status: 503,
    retryable: true,
    text: 'The ledger cannot be reached right now; repeat with the same Idempotency-Key.',
  },
  config_invalid: { status: 500, retryable: false, text: 'A setting has a value that cannot be used.' },
  document_invalid: { status: 500, retryable: false, text: 'A document in rules/ has a mistake.' },
  partitions_changed: {
    status: 500,
    retryable: false,
    text: 'The number of partitions was set once and cannot change.',
  },
  instance_running: {
    status: 500,
    retryable: false,
    text: 'The platform already runs in this VOLLEY_HOME.',
  },
  not_running: {
    status: 500,
    retryable: true,
    text: 'The platform does not run in this VOLLEY_HOME, and DATABASE_URL is not set.',
  },
  port_taken: { status: 500, retryable: false, text: 'The port cannot be listened on.' },
  program_missing: { status: 500, retryable: false, text: 'A program that Volley needs is not installed.' },
  start_failed: { status: 500, retryable: true, text: 'A part of the platform did not start.' },
} as const

/** A stable name of an error, as clients and operators see it. */
export type ErrorCode = keyof typeof catalogue

/** Where a mistake is and what was expected there; `path` is a JSON Pointer into the body, the query or the document. */
export interface Mistake {
  path: string
  message: string
}

/** A broken promise with a code from the catalogue. `message` may say more than the catalogue; `cause` is kept. */
export class VolleyError extends Error {
  readonly code: ErrorCode
  readonly details: unknown
  /** When a repeat may succeed, in whole seconds; null where that is not known. */
  readonly retryAfterS: number | null

  constructor(
    code: ErrorCode,
    message?: string,
    options: { details?: unknown; cause?: unknown; retryAfterS?: number } = {},
  ) {
    super(message ?? catalogue[code].text, { cause: options.cause })
    this.name = 'VolleyError'
    this.code = code
    this.details = options.details
    this.retryAfterS = options.retryAfterS ?? null
  }

  get status(): number {
    return catalogue[this.code].status
  }

  get retryable(): boolean {
    return catalogue[this.code].retryable
  }
}

/** Every code with its status, retryability and text, in the order of the catalogue. */
export function errorCatalogue(): { code: ErrorCode; status: number; retryable: boolean; text: string }[] {
  return (Object.keys(catalogue) as ErrorCode[]).map((code) => ({ code, ...catalogue[code] }))
}
