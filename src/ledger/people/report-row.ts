import type { Report } from '../../../actors/report.ts'
import { partitionOfUser } from '../placement.ts'
import type { PassedRow } from './people.ts'

/** Whose actor is told, and when; `now` in ms. */
export interface Addressed {
  tenant: string
  userId: string
  test: boolean
  partitions: number
  now: number
}

/** The row by which the actor of a user hears what came of something that was decided. */
export const reportRow = (
  id: string,
  report: Report,
  { tenant, userId, test, partitions, now }: Addressed,
): PassedRow => ({
  id,
  p: partitionOfUser(tenant, userId, partitions),
  tenant,
  kind: 'report',
  userId,
  type: '$report',
  data: report,
  time: now,
  source: 'volley',
  test,
  decides: false,
})
