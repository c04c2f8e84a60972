import type { Cohort, Normalised, Refused, Subject, TraitChange } from './canonical.ts'
import { type Fields, readData } from './collect.ts'
import { tooMany } from './decode.ts'
import { type Mistaken, mistaken, readId } from './identity.ts'
import { refused } from './inflate.ts'
import { firstSubject } from './mixpanel-identity.ts'
import { isObject, storableText } from './storable.ts'
import { traitChange } from './traits.ts'

const ACTIONS = ['members', 'add_members', 'remove_members'] as const

/** The trait that lists the cohorts of a person, by their ids. */
export const COHORTS_TRAIT = 'mixpanel_cohorts'

/** Whether a body is a message of Mixpanel's cohort webhook, even one that cannot be used. */
export function isCohort(value: unknown): value is Fields {
  return isObject(value) && value.event === undefined && 'action' in value && isObject(value.parameters)
}

/** The members of a cohort, or of one page of them, each as a change of their traits. */
export function readCohort(body: Fields): Normalised | Refused {
  const parameters = body.parameters as Fields
  const action = ACTIONS.find((each) => each === body.action)
  if (action === undefined) return refused('invalid_body', `/action must be one of ${ACTIONS.join(', ')}.`)
  const id = readId(parameters.mixpanel_cohort_id, '/parameters/mixpanel_cohort_id')
  if (id.kind !== 'id')
    return refused('invalid_body', '/parameters/mixpanel_cohort_id must be the id of the cohort.')
  const { members } = parameters
  if (!Array.isArray(members)) return refused('invalid_body', '/parameters/members must be a list.')
  return tooMany(members.length) ?? membersOf(members, cohortOf(parameters, action, id.id))
}

function membersOf(members: readonly unknown[], cohort: Omit<Cohort, 'members'>): Normalised {
  const items: TraitChange[] = []
  const named: Subject[] = []
  const rejected: Normalised['rejected'] = []
  for (const [index, value] of members.entries()) {
    const member = readMember(value, cohort)
    if (member.kind === 'mistaken') {
      rejected.push({ index, where: `/parameters/members/${index}${member.where}`, reason: member.reason })
      continue
    }
    items.push(member)
    named.push({ userId: member.userId, anonymousId: member.anonymousId })
  }
  return { kind: 'normalised', items, rejected, skipped: 0, key: null, cohort: { ...cohort, members: named } }
}

function readMember(value: unknown, { action, id }: Omit<Cohort, 'members'>): TraitChange | Mistaken {
  if (!isObject(value)) return mistaken('', 'must be an object')
  const by = firstSubject(['mixpanel_distinct_id'], [value.mixpanel_distinct_id], '')
  if (by.kind === 'mistaken') return by
  const read = readData(value, '')
  if (read.kind === 'mistaken') return read
  const { mixpanel_distinct_id, ...fields } = read.data
  // Mixpanel sends null for what it does not know, and somebody else may know it.
  const set = Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== null))
  const origin = { source: 'mixpanel', ...by.subject, at: null, dedupeId: null } as const
  return traitChange(origin, {
    set,
    ...(action === 'remove_members'
      ? { remove: { [COHORTS_TRAIT]: id } }
      : { union: { [COHORTS_TRAIT]: [id] } }),
  })
}

function cohortOf(parameters: Fields, action: Cohort['action'], id: string): Omit<Cohort, 'members'> {
  const pages = isObject(parameters.page_info) ? parameters.page_info : {}
  return {
    action,
    id,
    name: textOrNull(parameters.mixpanel_cohort_name),
    description: textOrNull(parameters.mixpanel_cohort_description),
    sessionId: textOrNull(parameters.mixpanel_session_id),
    page: countOr1(pages.page_count),
    pages: countOr1(pages.total_pages),
  }
}

const textOrNull = (value: unknown) =>
  typeof value === 'string' && value !== '' ? storableText(value) : null

const countOr1 = (value: unknown) =>
  Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 1

/** What Mixpanel's cohort webhook wants to hear; `problem` null for success. An answer 400 to 404 pauses the sync. */
export function cohortReply(
  action: unknown,
  problem: { message: string; code: number } | null,
): { action: unknown; status: 'success' | 'failure'; error?: { message: string; code: number } } {
  return problem === null ? { action, status: 'success' } : { action, status: 'failure', error: problem }
}
