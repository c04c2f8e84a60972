import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../log.ts'
import { loadDocuments } from './documents.ts'
import type { Mapping } from './mappings.ts'
import { OwnDocuments, type OwnSource } from './own-documents.ts'
import type { RuleBook, RuleShelf } from './rule-book.ts'
import type { Scoring } from './scoring.ts'
import { type DocumentSet, Shelf } from './shelf.ts'

/** What this process decides by, and what is wrong with the files that it did not take. */
export interface RulesState {
  /** Which version is in force: the same in two processes that decide by the same documents. */
  digest: string
  problem: { message: string; since: Date } | null
}

export interface LiveRulesOptions {
  rulesDir: string
  log: Log
  /** How often the files are looked at, in ms. An edit counts once they stood still for as long. */
  everyMs?: number
  /** The documents that tenants keep. */
  own: OwnSource
  /** Told at the start, at each change, and now and then. A failure is told again the next time. */
  report(state: RulesState): Promise<void>
}

const EVERY_MS = 1_000
const REPORT_EVERY_MS = 10_000

/**
 * The rules of this installation as their files are now, without a restart: a broken edit keeps the last good version,
 * all of it. Looked at and not listened to, since editors, mounted volumes and symbolic links each tell of a change in
 * their own way, or not at all. The constructor throws `document_invalid` where there is no good version yet.
 */
export class LiveRules implements RuleShelf {
  readonly #options: LiveRulesOptions
  readonly #own: OwnDocuments
  #files: DocumentSet
  #state: RulesState
  /** The files as they were loaded, or could not be, and as they were last seen. */
  #tried: string | null = null
  #seen: string | null = null
  #reportedAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(options: LiveRulesOptions) {
    this.#options = options
    this.#own = new OwnDocuments(options.own, options.log)
    this.#files = loadDocuments(options.rulesDir)
    this.#state = { digest: digestOf(this.#files), problem: null }
  }

  /** What is in force, which never changes by itself. */
  latest(): Shelf {
    return new Shelf(this.#files, this.#own)
  }

  /** Of the files that are in force. */
  get digest(): string {
    return this.#state.digest
  }

  ready(tenants: Iterable<string>): Promise<void> {
    return this.#own.ready(tenants)
  }

  isReady(tenant: string): boolean {
    return this.#own.isReady(tenant)
  }

  forTenant(tenant: string): RuleBook {
    return this.latest().forTenant(tenant)
  }

  forUser(tenant: string, user: string): RuleBook {
    return this.latest().forUser(tenant, user)
  }

  scoringOf(tenant: string, user: string): Scoring | null {
    return this.latest().scoringOf(tenant, user)
  }

  mappingOf(tenant: string, action: string, user: string): Mapping | null {
    return this.latest().mappingOf(tenant, action, user)
  }

  /** Begins to follow changes; throws where the ledger cannot be reached. */
  async start(): Promise<void> {
    const { everyMs = EVERY_MS } = this.#options
    await this.hearTenants()
    const next = () => {
      this.#looking = this.#look().finally(() => {
        if (this.#timer !== undefined) this.#timer = setTimeout(next, everyMs).unref()
      })
    }
    this.#timer = setTimeout(next, 0).unref()
  }

  /** Takes what tenants have changed, at once. */
  async hearTenants(): Promise<void> {
    await this.#own.hear()
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#looking
  }

  async #look(): Promise<void> {
    const files = await signatureOf(this.#options.rulesDir)
    // Whoever saves several files, or one in pieces, is given time to finish.
    const isStill = files === this.#seen
    this.#seen = files
    const isNew = isStill && files !== this.#tried
    if (isNew) this.#reload(files)
    // While the ledger is away, what was in force stays.
    await this.hearTenants().catch(() => undefined)
    await this.#report(isNew)
  }

  #reload(files: string): void {
    const { rulesDir, log } = this.#options
    this.#tried = files
    const before = this.#state
    try {
      const files = loadDocuments(rulesDir)
      const digest = digestOf(files)
      // The same content keeps what the book remembers.
      if (digest !== before.digest) this.#files = files
      this.#state = { digest, problem: null }
      if (digest !== before.digest || before.problem !== null)
        log.info({ digest, documents: documentsIn(files).length }, 'rules: the edited documents are in force')
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      const since = before.problem?.since ?? new Date()
      this.#state = { ...before, problem: { message, since } }
      log.error(
        { error: message, digest: before.digest },
        'rules: an edit is broken; the last good version stays',
      )
    }
  }

  async #report(isChanged: boolean): Promise<void> {
    const now = performance.now()
    if (!isChanged && now - this.#reportedAt < REPORT_EVERY_MS) return
    this.#reportedAt = now
    try {
      await this.#options.report(this.#state)
    } catch (error) {
      this.#reportedAt = Number.NEGATIVE_INFINITY
      this.#options.log.debug({ error: String(error) }, 'rules: what is in force could not be reported')
    }
  }
}

const documentsIn = ({
  rules,
  mappings,
  scoring,
}: DocumentSet): readonly { file: string; digest: string }[] => [...rules.documents, ...mappings, ...scoring]

function digestOf(files: DocumentSet): string {
  const hash = createHash('sha256')
  for (const { file, digest } of documentsIn(files)) hash.update(`${file}\0${digest}\n`)
  return hash.digest('hex').slice(0, 16)
}

/** Changes with every document that is written, added or removed; a table of cases is none. */
async function signatureOf(folder: string): Promise<string> {
  try {
    const names = await readdir(folder, { recursive: true })
    const documents = names.filter((name) => name.endsWith('.json') && !name.endsWith('.cases.json')).sort()
    const parts = await Promise.all(
      documents.map(async (name) => {
        const { mtimeMs, size, ino } = await stat(join(folder, name))
        return `${name} ${mtimeMs} ${size} ${ino}`
      }),
    )
    return parts.join('\n')
  } catch (error) {
    // A file that goes away in between is looked at again; a folder that is gone is an edit like any other.
    return String(error)
  }
}
