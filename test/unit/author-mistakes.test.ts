import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { seenAtEvent, unknownPerson } from '../../actors/person.ts'
import { checkDocuments } from '../../src/command/rules-check.ts'
import { isExplained } from '../../src/documents/expectations.ts'
import { FIELDS_SEEN } from '../../src/documents/fields-seen.ts'
import { type AuthorMistake, MISTAKES } from '../support/author-mistakes.ts'

const RULES = new URL('../../rules', import.meta.url).pathname

/** What `volley rules check` says where a mistake is made. */
function linesWith({ file, make }: AuthorMistake): string[] {
  const copy = mkdtempSync(join(tmpdir(), 'volley-rules-'))
  try {
    cpSync(RULES, copy, { recursive: true })
    const path = join(copy, file)
    if (typeof make === 'string') writeFileSync(path, make)
    else {
      const document = JSON.parse(readFileSync(path, 'utf8'))
      make(document)
      writeFileSync(path, JSON.stringify(document))
    }
    return checkDocuments(copy).lines.map((line) => line.trim())
  } finally {
    rmSync(copy, { recursive: true })
  }
}

describe('a mistake of an author', () => {
  for (const mistake of MISTAKES) {
    it(`is told with its place and what was expected: ${mistake.what}`, () => {
      const lines = linesWith(mistake)
      expect(lines, lines.join('\n')).to.include(mistake.says)
      // Whatever else is said, the file is named.
      expect(lines.join('\n')).to.include(`rules/${mistake.file}`)
    })
  }
})

describe('what is said of mistakes', () => {
  it('has words for every pattern of a schema', () => {
    const patterns = new Set<string>()
    const gather = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      for (const [name, value] of Object.entries(node)) {
        if (name === 'pattern' && typeof value === 'string') patterns.add(value)
        else gather(value)
      }
    }
    for (const name of ['recommendations', 'mappings', 'scoring'])
      for (const kind of ['', '.cases'])
        gather(JSON.parse(readFileSync(join(RULES, 'schemas', `${name}${kind}.schema.json`), 'utf8')))
    gather(JSON.parse(readFileSync(join(RULES, 'schemas', 'plans.schema.json'), 'utf8')))
    expect([...patterns].filter((pattern) => !isExplained(pattern))).to.deep.equal([])
  })

  it('knows every field of a user that rules see', () => {
    const nobody = unknownPerson(false)
    const seen = Object.keys(seenAtEvent({ before: nobody, person: nobody, time: 0 }))
    const scores = ['lifecycle_stage', 'activation_score', 'engagement_score', 'risk_level']
    expect([...FIELDS_SEEN.user!].sort()).to.deep.equal(['id', ...scores, ...seen].sort())
  })
})
