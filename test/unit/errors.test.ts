import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { errorCatalogue } from '../../src/errors.ts'

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const rows = [...page.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \| (yes|no) \| (.+?) \| (.+?) \|$/gm)]

describe('docs/errors.md', () => {
  it('lists every code of the catalogue and none besides, with its status, text and whether to repeat', () => {
    const written = rows.map(([, code, status, retryable, text]) => ({
      code,
      status: Number(status),
      retryable: retryable === 'yes',
      text,
    }))
    expect(written).to.deep.equal(errorCatalogue())
  })

  it('says for each what to do', () => {
    for (const row of rows) expect(row[5]).to.have.length.above(10)
  })
})
