import { expect } from 'chai'
import { cohortReply } from '../../src/connectors/mixpanel-cohort.ts'
import { answerTo, brief, read } from '../support/connector.ts'

const message = (action: string, members: unknown, more: object = {}) => ({
  action,
  parameters: {
    mixpanel_project_id: '1',
    mixpanel_cohort_id: 42,
    mixpanel_cohort_name: 'Power users',
    mixpanel_cohort_description: '',
    mixpanel_session_id: 's-1',
    page_info: { total_pages: 3, page_count: 2 },
    members,
    ...more,
  },
})
const jane = { mixpanel_distinct_id: 'u', email: 'jane@example.com', first_name: 'Jane', last_name: null }

describe("Mixpanel's cohort webhook", () => {
  it('names the cohort, its page and its members, and puts the cohort among their traits', () => {
    const result = read('mixpanel', message('members', [jane, { mixpanel_distinct_id: '$device:d-1' }]))
    expect(result.cohort).to.deep.equal({
      action: 'members',
      id: '42',
      name: 'Power users',
      description: null,
      sessionId: 's-1',
      page: 2,
      pages: 3,
      members: [
        { userId: 'u', anonymousId: null },
        { userId: null, anonymousId: 'd-1' },
      ],
    })
    expect(brief(result.items)).to.deep.equal([
      {
        kind: 'traits',
        userId: 'u',
        set: { email: 'jane@example.com', first_name: 'Jane' },
        union: { mixpanel_cohorts: ['42'] },
      },
      { kind: 'traits', anonymousId: 'd-1', set: {}, union: { mixpanel_cohorts: ['42'] } },
    ])
  })

  it('adds who came and takes away who left', () => {
    expect(brief(read('mixpanel', message('add_members', [jane])).items)[0]).to.deep.include({
      union: { mixpanel_cohorts: ['42'] },
    })
    const [left] = brief(read('mixpanel', message('remove_members', [jane])).items)
    expect(left).to.deep.include({ remove: { mixpanel_cohorts: '42' } })
    expect(left).to.not.have.property('union')
  })

  it('is one page where it says nothing of pages', () =>
    expect(read('mixpanel', message('members', [], { page_info: undefined })).cohort).to.include({
      page: 1,
      pages: 1,
    }))

  it('leaves out a member who is nobody, and says where', () => {
    const result = read(
      'mixpanel',
      message('members', [{ email: 'x' }, jane, 7, { mixpanel_distinct_id: 'null' }]),
    )
    expect(result.items).to.have.length(1)
    expect(result.cohort!.members).to.have.length(1)
    expect(result.rejected.map(({ index, where }) => [index, where])).to.deep.equal([
      [0, '/parameters/members/0/mixpanel_distinct_id'],
      [2, '/parameters/members/2'],
      [3, '/parameters/members/3/mixpanel_distinct_id'],
    ])
  })

  for (const [title, body, complaint] of [
    [
      'an action that is not known',
      message('members_all', []),
      /^\/action must be one of members, add_members, remove_members\.$/,
    ],
    [
      'a message without a cohort',
      message('members', [], { mixpanel_cohort_id: null }),
      /^\/parameters\/mixpanel_cohort_id must be/,
    ],
    ['a message without members', message('members', undefined), /^\/parameters\/members must be a list\.$/],
    [
      'too many members',
      message('members', Array(10_001).fill(jane)),
      /^The body has 10001 items; at most 10000 are taken/,
    ],
  ] as const)
    it(`refuses ${title}`, () => {
      const answer = answerTo('mixpanel', body)
      expect(answer).to.include({ kind: 'refused', code: 'invalid_body' })
      expect(answer).to.have.property('message').that.matches(complaint)
    })

  it('is answered in its own words', () => {
    expect(cohortReply('members', null)).to.deep.equal({ action: 'members', status: 'success' })
    expect(cohortReply('add_members', { message: 'busy', code: 503 })).to.deep.equal({
      action: 'add_members',
      status: 'failure',
      error: { message: 'busy', code: 503 },
    })
  })
})
