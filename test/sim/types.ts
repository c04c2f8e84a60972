import { subscription } from '../../actors/event-types.ts'
import { compileMapping } from '../../src/documents/mappings.ts'
import { bookOf, compileRuleDocument, type RuleBook, type RuleShelf } from '../../src/documents/rule-book.ts'
import type { RegisteredEndpoint } from '../../src/ledger/endpoints/endpoint-registry.ts'
import type { RegisteredType } from '../../src/ledger/tenants/type-registry.ts'

export const TENANT = '00000000-0000-0000-0000-000000000001'
export const PARTITIONS = 4
export const WIRE_MAX = 24
export const BEAT_MS = 6_000
export const TIMEOUT_MS = 3_000
export const EXPIRES_AFTER_MS = 80_000
export const MAX_IN_FLIGHT = 2
export const RATE = { limit: 2, perMs: 1_000 }

/**
 * `plain`: as most types are. `quiet`: its receiver is always well, and nothing may keep it waiting. `flooded`: its receiver
 * never answers, and it has more than enough to do. `capped`, `paced`: limited. `once`: must not be sent twice.
 * `told`: awaits no outcome.
 */
export const TYPE_NAMES = ['plain', 'quiet', 'flooded', 'capped', 'paced', 'once', 'told'] as const
export type TypeName = (typeof TYPE_NAMES)[number]

/** The flooded lane is the first of every walk. */
const LANES: Record<TypeName, string> = {
  flooded: '-900',
  plain: '11',
  told: '11',
  capped: '-4611686018427387904',
  paced: '14',
  once: '15',
  quiet: '9007199254740993',
}

const everywhere = Array.from({ length: PARTITIONS }, (_, p) => p)

function simulatedType(name: TypeName): RegisteredType {
  const isLimited = name === 'capped' || name === 'paced'
  const mayRepeat = name !== 'once'
  return {
    id: name,
    tenant: TENANT,
    name,
    provider: 'simulated',
    channel: 'simulated',
    heedsUser: true,
    form: 'action',
    mapped: null,
    domain: null,
    estimatedCostUsd: null,
    active: true,
    url: `http://${name}.example/actions`,
    secret: '00'.repeat(32),
    previous: null,
    headers: [],
    isPaused: false,
    withheldAs: null,
    lane: LANES[name],
    destination: LANES[name],
    slices: isLimited ? [1] : everywhere,
    terms: {
      delaysMs: [300, 1_000, 2_500],
      jitter: 0.3,
      awaitsOutcome: name !== 'told',
      expiresAfterMs: EXPIRES_AFTER_MS,
      mayRepeat,
    },
    timeoutMs: TIMEOUT_MS,
    limits: {
      maxInFlight: name === 'capped' ? MAX_IN_FLIGHT : null,
      rate: name === 'paced' ? RATE : null,
    },
    needsLeave: isLimited || !mayRepeat,
    validate: () => [],
  }
}

export const TYPES: ReadonlyMap<string, RegisteredType> = new Map(
  TYPE_NAMES.map((name) => [name, simulatedType(name)]),
)

function simulatedEndpoint(id: string, lane: string, names: string[] | null): RegisteredEndpoint {
  return {
    ...simulatedType('told'),
    id,
    name: id,
    heedsUser: false,
    form: 'notification',
    url: `http://${id}.example/`,
    lane,
    destination: lane,
    wants: subscription(names),
    passes: null,
    isPulled: false,
  }
}

/** One that is told of everything, and one that is told of what goes wrong and of events. */
export const ENDPOINTS: readonly RegisteredEndpoint[] = [
  simulatedEndpoint('we_all', '21', null),
  simulatedEndpoint('we_some', '22', ['external_action.failed', 'external_action.expired', 'custom.*']),
]

/** After so long without an event a user counts as silent. */
export const SILENT_MS = 4_000

/** Every event asks for one action, and every silence. */
const BOOK: RuleBook = bookOf([
  compileRuleDocument({
    file: 'simulated',
    digest: '',
    value: {
      domain: 'simulated',
      rules: [
        {
          name: 'always',
          on: ['custom.simulated'],
          when: true,
          action: 'told',
          confidence: 0.5,
          may_overlap: true,
          reasoning: 'because',
        },
        {
          name: 'silent',
          on: [{ inactive_for: `${SILENT_MS}ms` }],
          when: true,
          action: 'told',
          confidence: 0.5,
          may_overlap: true,
          reasoning: 'because',
        },
      ],
    },
  }),
])

/** What is sent of these says who the user is, so that is read before each POST. */
const MAPPED: readonly string[] = ['plain', 'capped', 'once'] satisfies TypeName[]
const MAPPING = compileMapping({
  file: 'simulated',
  digest: '',
  value: {
    name: 'simulated',
    action: 'any',
    body: {
      action_id: { var: 'action.id' },
      action_type: { var: 'action.type' },
      events: { var: ['user.events', 0] },
    },
  },
})

export const RULES: RuleShelf = {
  ready: async () => undefined,
  isReady: () => true,
  forTenant: () => BOOK,
  forUser: () => BOOK,
  scoringOf: () => null,
  mappingOf: (_tenant, action) => (MAPPED.includes(action) ? MAPPING : null),
}
