import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { showStatus } from '../../src/command/show-status.ts'
import { LiveRules, type RulesState } from '../../src/documents/live-rules.ts'
import { readStatus } from '../../src/ledger/status.ts'
import { eventually } from '../support/eventually.ts'
import { heardLog } from '../support/heard-log.ts'
import { Installation } from '../support/installation.ts'

const RULES = new URL('../../rules', import.meta.url).pathname

function copyOfRules() {
  const folder = mkdtempSync(join(tmpdir(), 'volley-rules-'))
  cpSync(RULES, folder, { recursive: true })
  const path = join(folder, 'recommendations', 'loyalty.json')
  return {
    folder,
    write: (text: string) => writeFileSync(path, text),
    edit(change: (document: any) => void) {
      const document = JSON.parse(readFileSync(path, 'utf8'))
      change(document)
      writeFileSync(path, JSON.stringify(document))
    },
    remove: () => rmSync(folder, { recursive: true }),
  }
}

describe('edited documents', () => {
  let rules: ReturnType<typeof copyOfRules>
  let volley: Installation
  before(async () => {
    rules = copyOfRules()
    volley = await Installation.start({ workers: 1, env: { VOLLEY_RULES: rules.folder } })
    await volley.actionType({ name: 'unlock_badge', delivery_webhook: 'http://127.0.0.1:9/' })
    await volley.actionType({ name: 'upgrade_tier', delivery_webhook: 'http://127.0.0.1:9/' })
  })
  after(async () => {
    await volley.stop()
    rules.remove()
  })

  const recommended = async (context: Record<string, unknown>) =>
    (await volley.call('POST', '/api/decisions/recommend', { user_id: 'u', domain: 'loyalty', context })).body
      .recommendation
  let n = 0
  /** The action that follows from a redeemed reward. */
  async function follows(): Promise<string> {
    const user_id = `user-${++n}`
    await volley.call('POST', '/api/external/events', {
      events: [{ type: 'custom.reward.redeemed', user_id, data: { reward_type: 'discount' } }],
    })
    return eventually(async () => {
      const { body } = await volley.call('GET', `/api/external/actions?user_id=${user_id}`)
      expect(body.actions).to.have.length(1)
      return body.actions[0].action_type as string
    })
  }

  it('decide in web and worker soon after they are saved, without a restart', async () => {
    expect((await recommended({ days_since_last_redemption: 14 })).action).to.equal('grant_points')
    expect(await follows()).to.equal('unlock_badge')
    rules.edit((document) => {
      document.rules[0].when = false
      document.rules.find((rule: any) => rule.name === 'badge-after-a-reward').action = 'upgrade_tier'
    })
    await eventually(async () => {
      expect((await recommended({ days_since_last_redemption: 14 })).action).to.equal('unlock_badge')
      expect(await follows()).to.equal('upgrade_tier')
    })
  })

  it('keep the last good version where they are broken, and the status says so until they are mended', async () => {
    const good = readFileSync(join(rules.folder, 'recommendations', 'loyalty.json'), 'utf8')
    rules.write('{"domain": "loyalty",\n "rules": [,]}')
    await eventually(async () => {
      const status = await readStatus(volley.ledger.pool)
      expect(status.rules.broken).to.have.length(1)
      expect(status.rules.broken[0]).to.include({ processes: 2 })
      expect(showStatus(status).join('\n')).to.match(
        /! an edit of .* ago is broken, 2 processes keep the rules before it: .*loyalty\.json: line 2, column 12: not valid JSON/,
      )
    })
    expect((await recommended({ days_since_last_redemption: 14 })).action).to.equal('unlock_badge')
    expect(await follows()).to.equal('upgrade_tier')
    rules.write(good)
    await eventually(async () => {
      const status = await readStatus(volley.ledger.pool)
      expect(status.rules).to.deep.equal({ versions: 1, broken: [] })
    })
  })
})

describe('what is said of live rules', () => {
  let rules: ReturnType<typeof copyOfRules>
  let live: LiveRules
  let heard: ReturnType<typeof heardLog>
  const reports: RulesState[] = []
  beforeEach(async () => {
    rules = copyOfRules()
    reports.length = 0
    heard = heardLog()
    live = new LiveRules({
      rulesDir: rules.folder,
      log: heard.log,
      everyMs: 20,
      own: { changes: async () => [], read: async () => [] },
      report: async (state) => void reports.push(state),
    })
    await live.start()
  })
  afterEach(async () => {
    await live.stop()
    rules.remove()
  })

  it('is a problem when a file of another kind is broken, and its end once that is gone', async () => {
    const plans = join(rules.folder, 'plans.json')
    writeFileSync(plans, '{"plans": []}')
    await eventually(() => expect(reports.at(-1)?.problem?.message).to.match(/plans\.json: \/plans/))
    rmSync(plans)
    await eventually(() => expect(reports.at(-1)?.problem).to.equal(null))
  })

  it('stays as it was where the whole folder goes, and comes with it again', async () => {
    const before = live.forTenant('t')
    rmSync(join(rules.folder, 'recommendations'), { recursive: true })
    await eventually(() => expect(reports.at(-1)?.problem?.message).to.match(/expected a folder/))
    expect(live.forTenant('t')).to.equal(before)
    cpSync(join(RULES, 'recommendations'), join(rules.folder, 'recommendations'), { recursive: true })
    await eventually(() => expect(reports.at(-1)?.problem).to.equal(null))
    // What was written is the same, so what the book remembers stays too.
    expect(live.forTenant('t')).to.equal(before)
  })

  it('is in the log once for each broken edit, and once when it is over', async () => {
    const told = () => heard.lines.map(({ msg, error }) => [msg, error])
    rules.write('{')
    await eventually(() => expect(reports.at(-1)?.problem?.message).to.match(/line 1, column 2/))
    const since = reports.at(-1)?.problem?.since
    rules.write('{"domain": 1}')
    await eventually(() => expect(reports.at(-1)?.problem?.message).to.match(/\/domain: must be string/))
    expect(reports.at(-1)?.problem?.since).to.equal(since)
    cpSync(join(RULES, 'recommendations'), join(rules.folder, 'recommendations'), { recursive: true })
    await eventually(() => expect(reports.at(-1)?.problem).to.equal(null))
    expect(told().map(([msg]) => msg)).to.deep.equal([
      'rules: an edit is broken; the last good version stays',
      'rules: an edit is broken; the last good version stays',
      'rules: the edited documents are in force',
    ])
    expect(told()[0]![1]).to.match(/loyalty\.json: line 1, column 2: not valid JSON/)
  })
})
