/** A mistake that an author makes in a document that comes with Volley, and what has to be said of it. */
export interface AuthorMistake {
  what: string
  /** The line that says so. */
  says: string
  /** Below the rules folder. */
  file: string
  /** The document changed, or the text that stands there instead. */
  make: ((document: any) => void) | string
}

const LOYALTY = 'recommendations/loyalty.json'
const CASES = 'recommendations/loyalty.cases.json'
const MAPPING = 'mappings/points-ledger.json'
const MAPPING_CASES = 'mappings/points-ledger.cases.json'
const SCORING = 'scoring/default.json'
const SCORING_CASES = 'scoring/default.cases.json'
const PLANS = 'plans.json'

const rule = (fields: Record<string, unknown>) => (document: any) =>
  void Object.assign(document.rules[0], fields)
const top = (fields: Record<string, unknown>) => (document: any) => void Object.assign(document, fields)
const without = (name: string) => (document: any) => void delete document.rules[0][name]
const firstCase = (fields: Record<string, unknown>) => (document: any) =>
  void Object.assign(document.cases[0], fields)
const when = (logic: unknown) => rule({ when: logic })

export const MISTAKES: readonly AuthorMistake[] = [
  // The text is no JSON.
  {
    what: 'a comma too many',
    says: '✗ rules/recommendations/loyalty.json: line 2, column 14: not valid JSON: expected a name in double quotes, found "}": the comma before it is one too many',
    file: LOYALTY,
    make: '{"domain": "loyalty",\n "rules": [],}',
  },
  {
    what: 'a comma too few',
    says: '✗ rules/recommendations/loyalty.json: line 2, column 2: not valid JSON: expected "," or "}", found "\\""',
    file: LOYALTY,
    make: '{"domain": "loyalty"\n "rules": []}',
  },
  {
    what: 'a quote that is not closed',
    says: '✗ rules/recommendations/loyalty.json: line 1, column 21: not valid JSON: a text is not closed by a double quote on its line',
    file: LOYALTY,
    make: '{"domain": "loyalty,\n "rules": []}',
  },
  {
    what: 'single quotes',
    says: '✗ rules/recommendations/loyalty.json: line 1, column 2: not valid JSON: expected a name in double quotes or "}", found "\'": names and texts stand in double quotes',
    file: LOYALTY,
    make: "{'domain': 'loyalty'}",
  },
  {
    what: 'a comment',
    says: '✗ rules/plans.json: line 2, column 3: not valid JSON: expected a name in double quotes or "}", found "/": JSON has no comments',
    file: PLANS,
    make: '{\n  // tiers\n  "plans": []\n}',
  },
  {
    what: 'a file that ends too early',
    says: '✗ rules/scoring/default.json: line 1, column 41: not valid JSON: expected a value or "]", but the text ends',
    file: SCORING,
    make: '{"name": "default", "lifecycle_stage": [',
  },
  {
    what: 'an empty file',
    says: '✗ rules/mappings/points-ledger.json: line 1, column 1: not valid JSON: expected a value, but the text ends',
    file: MAPPING,
    make: '',
  },
  {
    what: 'a name without quotes',
    says: '✗ rules/recommendations/loyalty.cases.json: line 1, column 2: not valid JSON: expected a name in double quotes or "}", found "cases"',
    file: CASES,
    make: '{cases: []}',
  },
  {
    what: 'a list instead of a document',
    says: '✗ rules/recommendations/loyalty.json: must be object, is array',
    file: LOYALTY,
    make: '[]',
  },
  {
    what: 'a name that stands there twice',
    says: '✗ rules/recommendations/loyalty.json: line 1, column 36: the name "domain" stands twice in one object',
    file: LOYALTY,
    make: '{"domain": "loyalty", "rules": [], "domain": "shop"}',
  },
  {
    what: 'a name that stands twice in a condition',
    says: '✗ rules/mappings/points-ledger.json: line 2, column 2: the name "x" stands twice in one object',
    file: MAPPING,
    make: '{"name": "m", "action": "a", "body": {"x": 1,\n "x": 2}}',
  },
  // Names.
  {
    what: 'a misspelt property of the document',
    says: '✗ rules/recommendations/loyalty.json: /ruels: is not a known property; did you mean "rules"?',
    file: LOYALTY,
    make: top({ ruels: [] }),
  },
  {
    what: 'a misspelt property of a rule',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/confidense: is not a known property; did you mean "confidence"?',
    file: LOYALTY,
    make: rule({ confidense: 0.5 }),
  },
  {
    what: 'a property that nobody knows',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/prio: is not a known property; known are name, on, when, action, parameters, confidence, cooldown, may_overlap, reasoning',
    file: LOYALTY,
    make: rule({ prio: 1 }),
  },
  {
    what: 'a missing property',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/confidence: is required: How likely its author believes success to be, from 0 to 1',
    file: LOYALTY,
    make: without('confidence'),
  },
  {
    what: 'a missing domain',
    says: '✗ rules/recommendations/loyalty.json: /domain: is required: What `recommend` calls it',
    file: LOYALTY,
    make: (document) => void delete document.domain,
  },
  {
    what: 'a domain in capitals',
    says: '✗ rules/recommendations/loyalty.json: /domain: must be a name: a small letter, then at most 63 small letters, digits, "_" or "-"; did you mean "loyalty"?',
    file: LOYALTY,
    make: top({ domain: 'Loyalty' }),
  },
  {
    what: 'a rule name with a space',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/name: must be a name: a small letter, then at most 63 small letters, digits, "_" or "-"; did you mean "two-weeks"?',
    file: LOYALTY,
    make: rule({ name: 'two weeks' }),
  },
  {
    what: 'a rule name that is used twice',
    says: '✗ rules/recommendations/loyalty.json: /rules/1/name: re-engage-with-points is used twice',
    file: LOYALTY,
    make: ({ rules }) => {
      rules[1].name = rules[0].name
    },
  },
  {
    what: 'no rules at all',
    says: '✗ rules/recommendations/loyalty.json: /rules: must not be empty',
    file: LOYALTY,
    make: top({ rules: [] }),
  },
  {
    what: 'rules that are no list',
    says: '✗ rules/recommendations/loyalty.json: /rules: must be array, is object',
    file: LOYALTY,
    make: top({ rules: {} }),
  },
  {
    what: 'an action with a dash',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/action: must be the name of an action type: a small letter, then at most 63 small letters, digits or "_"; did you mean "grant_points"?',
    file: LOYALTY,
    make: rule({ action: 'grant-points' }),
  },
  {
    what: 'a misspelt action, which its other rules spell otherwise',
    says: '! rules/recommendations/loyalty.json: /rules/0/action: no other rule offers "grant_pionts"; did you mean "grant_points"?',
    file: LOYALTY,
    make: rule({ action: 'grant_pionts' }),
  },
  // Events and triggers.
  {
    what: 'an event in capitals',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/on/0: must be a type of event such as "custom.reward.redeemed", or "custom.reward.*" for all below; did you mean "custom.reward.redeemed"?',
    file: LOYALTY,
    make: rule({ on: ['custom.Reward.redeemed'] }),
  },
  {
    what: 'an event with a star in its middle',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/on/0: must be a type of event such as "custom.reward.redeemed", or "custom.reward.*" for all below',
    file: LOYALTY,
    make: rule({ on: ['custom.*.redeemed'] }),
  },
  {
    what: 'an event that is no list',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/on: must be array, is string',
    file: LOYALTY,
    make: rule({ on: 'custom.reward.redeemed' }),
  },
  {
    what: 'a misspelt event, which another rule spells otherwise',
    says: '! rules/recommendations/loyalty.json: /rules/0/on/0: no other rule waits for "custom.reward.redeamed"; did you mean "custom.reward.redeemed"?',
    file: LOYALTY,
    make: rule({ on: ['custom.reward.redeamed'] }),
  },
  {
    what: 'an event that misses its custom',
    says: '! rules/recommendations/loyalty.json: /rules/0/on/0: events that are sent over the API begin with "custom."; did you mean "custom.reward.redeemed"?',
    file: LOYALTY,
    make: rule({ on: ['reward.redeemed'] }),
  },
  {
    what: 'a misspelt trigger',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/on/0/inactive_fro: is not a known property; did you mean "inactive_for"?',
    file: LOYALTY,
    make: rule({ on: [{ inactive_fro: '14d' }] }),
  },
  {
    what: 'a duration in words',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/on/0/inactive_for: must be a duration such as "30s", "2h" or "14d"; did you mean "14d"?',
    file: LOYALTY,
    make: rule({ on: [{ inactive_for: '14 days' }] }),
  },
  {
    what: 'two triggers in one',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/on/0: must have exactly one of inactive_for, every, date, change; it has inactive_for and every',
    file: LOYALTY,
    make: rule({ on: [{ inactive_for: '14d', every: '1d' }] }),
  },
  {
    what: 'a stage that scoring does not know',
    says: '! rules/recommendations/loyalty.json: /rules/0/on/0/to: scoring gives no lifecycle_stage "dormnat"; it gives unknown, dormant, new, active; did you mean "dormant"?',
    file: LOYALTY,
    make: rule({ on: [{ change: 'lifecycle_stage', to: 'dormnat' }] }),
  },
  {
    what: 'a misspelt score',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/on/0/change: must be one of "lifecycle_stage", "risk_level", "engagement_score", "activation_score"; did you mean "engagement_score"?',
    file: LOYALTY,
    make: rule({ on: [{ change: 'engagment_score', below: 20 }] }),
  },
  {
    what: 'a time that is none',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/on/0/at: must be a time of day from "00:00" to "23:59"; did you mean "09:00"?',
    file: LOYALTY,
    make: rule({ on: [{ every: '1d', at: '9:00' }] }),
  },
  {
    what: 'a date outside of the traits',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/on/0/date: must be a date of the user such as "user.traits.birthday" or "user.first_seen"; did you mean "user.traits.birthday"?',
    file: LOYALTY,
    make: rule({ on: [{ date: 'birthday' }] }),
  },
  // Conditions.
  {
    what: 'a misspelt operator',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when/starts_wiht: is not an operator; did you mean "starts_with"?',
    file: LOYALTY,
    make: when({ starts_wiht: [{ var: 'user.locale' }, 'de'] }),
  },
  {
    what: 'an operator of another language',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when/&&: is not an operator; did you mean "and"?',
    file: LOYALTY,
    make: when({ '&&': [true, true] }),
  },
  {
    what: 'an operator in capitals',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when/AND: is not an operator; did you mean "and"?',
    file: LOYALTY,
    make: when({ AND: [true, true] }),
  },
  {
    what: 'two operators in one node',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when: must have exactly one key, an operator; it has >, <',
    file: LOYALTY,
    make: when({ '>': [1, 2], '<': [1, 2] }),
  },
  {
    what: 'an empty node',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when/and/0: must have exactly one key, an operator; it has none',
    file: LOYALTY,
    make: when({ and: [{}, true] }),
  },
  {
    what: 'a forbidden operator',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when/log: is not an operator that is allowed: a rule changes nothing and calls nothing',
    file: LOYALTY,
    make: when({ log: 'x' }),
  },
  {
    what: 'an argument too few',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when/time_between: must be given [from, to, "d"]; it has 2 arguments',
    file: LOYALTY,
    make: when({ time_between: [{ var: 'now' }, 'd'] }),
  },
  {
    what: 'a unit that is none',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when/>/0/time_between/2: must be a unit: "ms", "s", "m", "h", "d"; did you mean "d"?',
    file: LOYALTY,
    make: when({ '>': [{ time_between: [{ var: 'user.first_seen' }, { var: 'now' }, 'days'] }, 14] }),
  },
  {
    what: 'a duration in words',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when/>/0/duration_ms: must be a duration such as "30s", "2m", "72h" or "14d"; did you mean "14d"?',
    file: LOYALTY,
    make: when({ '>': [{ duration_ms: '14 days' }, 1] }),
  },
  {
    what: 'a misspelt part of a time',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when/==/0/time_part/1: must be one of "year", "month", "day", "weekday", "hour", "minute"; did you mean "weekday"?',
    file: LOYALTY,
    make: when({ '==': [{ time_part: [{ var: 'now' }, 'weekdy'] }, 1] }),
  },
  {
    what: 'a misspelt zone',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/when/==/0/time_part/2: must be a time zone such as "Europe/Berlin"; did you mean "Europe/Berlin"?',
    file: LOYALTY,
    make: when({ '==': [{ time_part: [{ var: 'now' }, 'hour', 'Europe/Berlim'] }, 1] }),
  },
  {
    what: 'a path that begins with nothing',
    says: '! rules/recommendations/loyalty.json: /rules/0/when/>/0/var: nothing is called "evnt" there; seen are event, trigger, user, context, now; did you mean "event"?',
    file: LOYALTY,
    make: when({ '>': [{ var: 'evnt.data.total' }, 1] }),
  },
  {
    what: 'a path of a user that is not there',
    says: '! rules/recommendations/loyalty.json: /rules/0/when/>/0/var: user has no "trait"; it has id, is_anonymous, traits, events, first_seen, last_seen, days_since_first_seen, days_since_last_seen, days_away, activity, timezone, locale, lifecycle_stage, activation_score, engagement_score, risk_level; did you mean "traits"?',
    file: LOYALTY,
    make: when({ '>': [{ var: 'user.trait.age' }, 1] }),
  },
  {
    what: 'a path of an event that is not there',
    says: '! rules/recommendations/loyalty.json: /rules/0/when/>/0/var: event has no "dat"; it has id, type, user_id, data, time; did you mean "data"?',
    file: LOYALTY,
    make: when({ '>': [{ var: 'event.dat.total' }, 1] }),
  },
  {
    what: 'a comparison that is always false',
    says: '! rules/recommendations/loyalty.json: /rules/0/when: is never true: the rule can never apply',
    file: LOYALTY,
    make: when({ '==': ['a', 'b'] }),
  },
  {
    what: 'a condition in words',
    says: '! rules/recommendations/loyalty.json: /rules/0/when: is "always", which is always true; a condition is JSON-logic, or true',
    file: LOYALTY,
    make: when('always'),
  },
  {
    what: 'a reduce without a start',
    says: '! rules/recommendations/loyalty.json: /rules/0/when/reduce: has no start and starts from null; give one as its third argument',
    file: LOYALTY,
    make: when({
      reduce: [{ var: 'event.data.items' }, { '+': [{ var: 'current' }, { var: 'accumulator' }] }],
    }),
  },
  {
    what: 'a misspelt name in a reduce',
    says: '! rules/recommendations/loyalty.json: /rules/0/when/reduce/1/+/0/var: nothing is called "curent" there; seen are current, accumulator; did you mean "current"?',
    file: LOYALTY,
    make: when({
      reduce: [{ var: 'event.data.items' }, { '+': [{ var: 'curent' }, { var: 'accumulator' }] }, 0],
    }),
  },
  // Values.
  {
    what: 'a confidence in percent',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/confidence: must be at most 1, is 75; did you mean 0.75?',
    file: LOYALTY,
    make: rule({ confidence: 75 }),
  },
  {
    what: 'a confidence as text',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/confidence: must be number, is string',
    file: LOYALTY,
    make: rule({ confidence: '0.75' }),
  },
  {
    what: 'a reasoning that is empty',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/reasoning: must not be empty',
    file: LOYALTY,
    make: rule({ reasoning: '' }),
  },
  {
    what: 'a fact in the reasoning that is not there',
    says: '! rules/recommendations/loyalty.json: /rules/0/reasoning: nothing is called "contxt" there; seen are event, trigger, user, context, now; did you mean "context"?',
    file: LOYALTY,
    make: rule({ reasoning: 'Quiet for {contxt.days} days.' }),
  },
  {
    what: 'parameters that are a list',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/parameters: must be object, is array',
    file: LOYALTY,
    make: rule({ parameters: [] }),
  },
  {
    what: 'a misspelt operator in parameters',
    says: '! rules/recommendations/loyalty.json: /rules/0/parameters/amount/rond: is not an operator, so it stands for itself; did you mean "round"?',
    file: LOYALTY,
    make: rule({ parameters: { amount: { rond: [1.5] } } }),
  },
  {
    what: 'a cool-down in words',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/cooldown: must be a duration such as "30s", "2h" or "14d"',
    file: LOYALTY,
    make: rule({ cooldown: 'a week' }),
  },
  {
    what: 'a cool-down without a unit',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/cooldown: must be a duration such as "30s", "2h" or "14d"',
    file: LOYALTY,
    make: rule({ cooldown: '7' }),
  },
  {
    what: 'a cool-down of two years',
    says: '✗ rules/recommendations/loyalty.json: /rules/0/cooldown: must be a duration from "1ms" to "366d"',
    file: LOYALTY,
    make: rule({ cooldown: '730d' }),
  },
  {
    what: 'a cap without a period',
    says: '✗ rules/recommendations/loyalty.json: /caps/0/per: is required: A duration such as `7d`, at most 366d',
    file: LOYALTY,
    make: top({ caps: [{ max: 1 }] }),
  },
  {
    what: 'a cap of an action that no rule offers',
    says: '! rules/recommendations/loyalty.json: /caps/0/action: no rule offers "unlock_bagde"; did you mean "unlock_badge"?',
    file: LOYALTY,
    make: top({ caps: [{ action: 'unlock_bagde', max: 1, per: '7d' }] }),
  },
  {
    what: 'quiet hours that are no times',
    says: '✗ rules/recommendations/loyalty.json: /quiet_hours/from: must be a time of day from "00:00" to "23:59"; did you mean "22:00"?; /quiet_hours/to: must be a time of day from "00:00" to "23:59"; did you mean "08:00"?',
    file: LOYALTY,
    make: top({ quiet_hours: { from: '22', to: '8' } }),
  },
  {
    what: 'quiet hours in a zone that is none',
    says: '✗ rules/recommendations/loyalty.json: /quiet_hours/timezone: must be a time zone such as "Europe/Berlin"; did you mean "Europe/Berlin"?',
    file: LOYALTY,
    make: top({ quiet_hours: { from: '22:00', to: '08:00', timezone: 'Berlin' } }),
  },
  {
    what: 'a budget of nothing',
    says: '✗ rules/recommendations/loyalty.json: /budget/max_usd: must be more than 0, is 0',
    file: LOYALTY,
    make: top({ budget: { max_usd: 0, days: 1 } }),
  },
  {
    what: 'a holdout of everybody',
    says: '✗ rules/recommendations/loyalty.json: /holdout: must be at most 0.5, is 1',
    file: LOYALTY,
    make: top({ holdout: 1 }),
  },
  {
    what: 'a misspelt strategy',
    says: '✗ rules/recommendations/loyalty.json: /learning/strategy: must be one of "best", "thompson"; did you mean "thompson"?',
    file: LOYALTY,
    make: top({ learning: { strategy: 'thomson' } }),
  },
  {
    what: 'a band without bounds',
    says: '✗ rules/recommendations/loyalty.json: /rollout/stop: must not be empty',
    file: LOYALTY,
    make: top({ rollout: { stop: {} } }),
  },
  {
    what: 'a band in percent',
    says: '✗ rules/recommendations/loyalty.json: /rollout/stop/failed_above: must be at most 1, is 30; did you mean 0.3?',
    file: LOYALTY,
    make: top({ rollout: { stop: { failed_above: 30 } } }),
  },
  // Cases.
  {
    what: 'a misspelt property of a case',
    says: '✗ rules/recommendations/loyalty.cases.json: /cases/0/epxect: is not a known property; did you mean "expect"?',
    file: CASES,
    make: firstCase({ epxect: null }),
  },
  {
    what: 'a case without a name',
    says: '✗ rules/recommendations/loyalty.cases.json: /cases/0/name: is required: What the case shows, as a sentence',
    file: CASES,
    make: ({ cases }) => void delete cases[0].name,
  },
  {
    what: 'a case without what is expected',
    says: '✗ rules/recommendations/loyalty.cases.json: /cases/0/expect: is required: What is named must be so; null: nothing is recommended',
    file: CASES,
    make: ({ cases }) => void delete cases[0].expect,
  },
  {
    what: 'a rule that is not there',
    says: '/cases/0/expect/rule: no rule is called "re-engage-with-point"; did you mean "re-engage-with-points"?',
    file: CASES,
    make: firstCase({ expect: { rule: 're-engage-with-point' } }),
  },
  {
    what: 'an action in what is expected that the rule does not offer',
    says: '/cases/0/expect/action: no rule offers "grant_point"; did you mean "grant_points"?',
    file: CASES,
    make: firstCase({ expect: { rule: 're-engage-with-points', action: 'grant_point' } }),
  },
  {
    what: 'an expectation that is no object',
    says: '✗ rules/recommendations/loyalty.cases.json: /cases/0/expect: must be object or null, is string',
    file: CASES,
    make: firstCase({ expect: 'grant_points' }),
  },
  {
    what: 'a misspelt expectation',
    says: '✗ rules/recommendations/loyalty.cases.json: /cases/0/expect/paramters: is not a known property; did you mean "parameters"?',
    file: CASES,
    make: firstCase({ expect: { rule: 're-engage-with-points', paramters: {} } }),
  },
  {
    what: 'an event that is text',
    says: '✗ rules/recommendations/loyalty.cases.json: /cases/0/given/event: must be object, is string',
    file: CASES,
    make: firstCase({ given: { event: 'custom.reward.redeemed' } }),
  },
  {
    what: 'an event of a case that no rule waits for',
    says: '! rules/recommendations/loyalty.cases.json: /cases/0/given/event/type: no rule waits for "custom.reward.redemed"; did you mean "custom.reward.redeemed"?',
    file: CASES,
    make: firstCase({ given: { event: { type: 'custom.reward.redemed' } }, expect: null }),
  },
  {
    what: 'a time of a case that is none',
    says: '✗ rules/recommendations/loyalty.cases.json: /cases/0/given/now: must be a time such as "2026-03-01T12:00:00Z"',
    file: CASES,
    make: firstCase({ given: { now: 'yesterday' } }),
  },
  {
    what: 'two cases of one name',
    says: '✗ rules/recommendations/loyalty.cases.json: /cases/1/name: is the name of /cases/0 too',
    file: CASES,
    make: ({ cases }) => {
      cases[1].name = cases[0].name
    },
  },
  {
    what: 'no cases in a file of cases',
    says: '✗ rules/recommendations/loyalty.cases.json: /cases: must not be empty',
    file: CASES,
    make: '{"cases": []}',
  },
  // Mappings.
  {
    what: 'a mapping without an action',
    says: '✗ rules/mappings/points-ledger.json: /action: is required: Name of the action type',
    file: MAPPING,
    make: (document) => void delete document.action,
  },
  {
    what: 'a misspelt property of a mapping',
    says: '✗ rules/mappings/points-ledger.json: /boddy: is not a known property; did you mean "body"?',
    file: MAPPING,
    make: top({ boddy: {} }),
  },
  {
    what: 'an operator with a misspelt argument',
    says: '✗ rules/mappings/points-ledger.json: /body/points/round/1: digits must be a whole number from 0 to 10',
    file: MAPPING,
    make: top({ body: { points: { round: [{ var: 'action.parameters.amount' }, 'two'] } } }),
  },
  {
    what: 'a misspelt operator in a body',
    says: '! rules/mappings/points-ledger.json: /body/name/uper: is not an operator, so it stands for itself; did you mean "upper"?',
    file: MAPPING,
    make: top({ body: { name: { uper: { var: 'user.locale' } } } }),
  },
  {
    what: 'a path of an action that is not there',
    says: '! rules/mappings/points-ledger.json: /body/to/var: action has no "userid"; it has id, type, user_id, tenant_id, parameters, reasoning, confidence, attempt, created_at; did you mean "user_id"?',
    file: MAPPING,
    make: top({ body: { to: { var: 'action.userid' } } }),
  },
  {
    what: 'a path of nothing in a body',
    says: '! rules/mappings/points-ledger.json: /body/to/var: nothing is called "usr" there; seen are action, user, now; did you mean "user"?',
    file: MAPPING,
    make: top({ body: { to: { var: 'usr.locale' } } }),
  },
  {
    what: 'a case without an action',
    says: '✗ rules/mappings/points-ledger.cases.json: /cases/0/given/action: is required: The action, as the template sees it',
    file: MAPPING_CASES,
    make: firstCase({ given: { user: {} } }),
  },
  {
    what: 'a body that is not what was expected',
    says: 'body: expected {}, is {"request":{"member":"user-1","points":150,"note":"bonus","reference":"ea_1"},"meta":{"source":"volley","language":"en"}}',
    file: MAPPING_CASES,
    make: firstCase({ expect: {} }),
  },
  // Scoring.
  {
    what: 'a stage without a condition',
    says: '✗ rules/scoring/default.json: /lifecycle_stage/0/when: is required: JSON-logic over `user` and `now`; `true` for everybody else',
    file: SCORING,
    make: ({ lifecycle_stage }) => void delete lifecycle_stage[0].when,
  },
  {
    what: 'a stage with a space',
    says: '✗ rules/scoring/default.json: /lifecycle_stage/0/is: must be a name: a small letter, then at most 63 small letters, digits, "_" or "-"; did you mean "at-risk"?',
    file: SCORING,
    make: ({ lifecycle_stage }) => {
      lifecycle_stage[0].is = 'at risk'
    },
  },
  {
    what: 'a misspelt part of scoring',
    says: '✗ rules/scoring/default.json: /risk_level: is required: Levels of risk, the first that holds; /risk_levl: is not a known property; did you mean "risk_level"?',
    file: SCORING,
    make: (document) => {
      document.risk_levl = document.risk_level
      delete document.risk_level
    },
  },
  {
    what: 'a risk that is text',
    says: '✗ rules/scoring/default.json: /risk_level: must be array, is string',
    file: SCORING,
    make: top({ risk_level: 'high' }),
  },
  {
    what: 'a misspelt operator in a score',
    says: '✗ rules/scoring/default.json: /activation_score/maxx: is not an operator; did you mean "max"?',
    file: SCORING,
    make: top({ activation_score: { maxx: [1, 2] } }),
  },
  {
    what: 'a path that scoring does not see',
    says: '! rules/scoring/default.json: /activation_score/var: nothing is called "event" there; seen are user, now',
    file: SCORING,
    make: top({ activation_score: { var: 'event.data.total' } }),
  },
  {
    what: 'a misspelt score in a case',
    says: '✗ rules/scoring/default.cases.json: /cases/0/expect/activation_scor: is not a known property; did you mean "activation_score"?',
    file: SCORING_CASES,
    make: firstCase({ expect: { activation_scor: 1 } }),
  },
  {
    what: 'a stage in a case that is not there',
    says: '/cases/0/expect/lifecycle_stage: none is called "activ"; did you mean "active"?',
    file: SCORING_CASES,
    make: firstCase({ expect: { lifecycle_stage: 'activ' } }),
  },
  // Plans.
  {
    what: 'a misspelt limit',
    says: '✗ rules/plans.json: /plans/0/event_per_month: is not a known property; did you mean "events_per_month"?',
    file: PLANS,
    make: ({ plans }) => {
      plans[0].event_per_month = 1
    },
  },
  {
    what: 'a limit as text',
    says: '✗ rules/plans.json: /plans/0/backlog_max: must be integer or null, is string',
    file: PLANS,
    make: ({ plans }) => {
      plans[0].backlog_max = '1000'
    },
  },
  {
    what: 'a limit below nothing',
    says: '✗ rules/plans.json: /plans/0/backlog_max: must be at least 0, is -1',
    file: PLANS,
    make: ({ plans }) => {
      plans[0].backlog_max = -1
    },
  },
  {
    what: 'a limit that is no whole number',
    says: '✗ rules/plans.json: /plans/0/action_types_max: must be integer or null, is 1.5',
    file: PLANS,
    make: ({ plans }) => {
      plans[0].action_types_max = 1.5
    },
  },
  {
    what: 'a plan without a name',
    says: '✗ rules/plans.json: /plans/0/name: is required: What tenants are given',
    file: PLANS,
    make: ({ plans }) => void delete plans[0].name,
  },
  {
    what: 'two plans of one name',
    says: '✗ rules/plans.json: /plans/1/name: is the name of /plans/0 too',

    file: PLANS,
    make: ({ plans }) => {
      plans[1].name = plans[0].name
    },
  },
]
