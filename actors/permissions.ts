/**
 * What a person allows. Consent is given (true) or withdrawn (false); a suppression holds until a time in ms, or null
 * until it is lifted. Both go by the name of a channel or of an action; `*` is every one.
 */
export interface Permissions {
  consent: ByTarget<boolean>
  suppression: ByTarget<number | null>
}

export interface ByTarget<T> {
  channels: Named<T>
  actions: Named<T>
}

export type Named<T> = { readonly [name: string]: T }

/** What is said of permissions: consent null forgets what was said, a suppression of false lifts it, true has no end. */
export interface PermissionChange {
  consent?: Partial<ByTarget<boolean | null>>
  suppression?: Partial<ByTarget<number | boolean>>
}

/** Most names of one kind. */
export const NAMES_MAX = 100
export const EVERY = '*'
export const FREE: Permissions = {
  consent: { channels: {}, actions: {} },
  suppression: { channels: {}, actions: {} },
}

/** Why an action is not sent to a person. */
export type Withheld = 'consent_withdrawn' | 'suppressed'

/** Why this action on this channel is not to be sent at `now` in ms; null where it may be. What forbids it wins. */
export function withheld(
  permissions: Permissions,
  asked: { channel: string; action: string; now: number },
): Withheld | null {
  const { consent, suppression } = permissions
  const isNo = (given: boolean) => !given
  if (holds(consent.channels, asked.channel, isNo)) return 'consent_withdrawn'
  if (holds(consent.actions, asked.action, isNo)) return 'consent_withdrawn'
  const isOn = (until: number | null) => until === null || asked.now < until
  if (holds(suppression.channels, asked.channel, isOn)) return 'suppressed'
  return holds(suppression.actions, asked.action, isOn) ? 'suppressed' : null
}

/** Whether something is said under this name, or for every name, of which `is` is true. */
function holds<T>(named: Named<T>, name: string, is: (value: T) => boolean): boolean {
  return [name, EVERY].some((each) => Object.hasOwn(named, each) && is(named[each]!))
}

/** Whether anything at all may be withheld; suppressions that are over by then count too. */
export function mayWithhold({ consent, suppression }: Permissions): boolean {
  const isOne = (named: Named<unknown>) => Object.keys(named).length > 0
  return (
    [consent.channels, consent.actions].some((named) => Object.values(named).includes(false)) ||
    isOne(suppression.channels) ||
    isOne(suppression.actions)
  )
}

/** What a person allows after a change. */
export function changePermissions(before: Permissions, change: PermissionChange): Permissions {
  return {
    consent: {
      channels: changed(before.consent.channels, change.consent?.channels, CONSENT),
      actions: changed(before.consent.actions, change.consent?.actions, CONSENT),
    },
    suppression: {
      channels: changed(before.suppression.channels, change.suppression?.channels, SUPPRESSION),
      actions: changed(before.suppression.actions, change.suppression?.actions, SUPPRESSION),
    },
  }
}

/** What two people who turn out to be one allow: what forbids wins. */
export function mergedPermissions(a: Permissions, b: Permissions): Permissions {
  return {
    consent: {
      channels: merged(a.consent.channels, b.consent.channels, CONSENT),
      actions: merged(a.consent.actions, b.consent.actions, CONSENT),
    },
    suppression: {
      channels: merged(a.suppression.channels, b.suppression.channels, SUPPRESSION),
      actions: merged(a.suppression.actions, b.suppression.actions, SUPPRESSION),
    },
  }
}

/** How what is said (`S`) becomes what is kept (`T`), and which of two that are kept forbids more. */
interface Rule<T, S> {
  keep(said: S): { kept: T } | null
  forbids(value: T): boolean
  stricter(a: T, b: T): T
}

const CONSENT: Rule<boolean, boolean | null> = {
  keep: (said) => (said === null ? null : { kept: said }),
  forbids: (value) => !value,
  stricter: (a, b) => a && b,
}

const SUPPRESSION: Rule<number | null, number | boolean> = {
  keep: (said) => (said === false ? null : { kept: said === true ? null : said }),
  forbids: () => true,
  stricter: (a, b) => (a === null || b === null ? null : Math.max(a, b)),
}

function changed<T, S>(before: Named<T>, change: Named<S> | undefined, rule: Rule<T, S>): Named<T> {
  if (change === undefined) return before
  const next = new Map(Object.entries(before))
  for (const [name, said] of Object.entries(change)) {
    const keep = rule.keep(said)
    if (keep === null) next.delete(name)
    else next.set(name, keep.kept)
  }
  return bounded(next, rule)
}

function merged<T, S>(a: Named<T>, b: Named<T>, rule: Rule<T, S>): Named<T> {
  const next = new Map(Object.entries(a))
  for (const [name, value] of Object.entries(b))
    next.set(name, Object.hasOwn(a, name) ? rule.stricter(a[name]!, value) : value)
  return bounded(next, rule)
}

/** Where there are too many names, those that forbid nothing go first; then what is forbidden holds for every name. */
function bounded<T, S>(all: Map<string, T>, rule: Rule<T, S>): Named<T> {
  if (all.size <= NAMES_MAX) return Object.fromEntries(all)
  const forbidding = [...all].filter(([, value]) => rule.forbids(value))
  if (forbidding.length <= NAMES_MAX) return Object.fromEntries(forbidding)
  return { [EVERY]: forbidding.map(([, value]) => value).reduce(rule.stricter) }
}
