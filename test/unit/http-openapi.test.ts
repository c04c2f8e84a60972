import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'chai'
import { describe as describeRoutes } from '../../src/http/openapi.ts'
import { routes } from '../../src/http/routes.ts'

const document = JSON.parse(JSON.stringify(describeRoutes(routes)))
const operations: any[] = Object.values(document.paths).flatMap((path: any) => Object.values(path))

describe('the OpenAPI description', () => {
  it('has every declared call, and no other', () => {
    const declared = routes.map(({ method, path }) => `${method} ${path.replace(/:([a-z_]+)/g, '{$1}')}`)
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(described).to.have.members(declared)
    expect(new Set(declared).size).to.equal(declared.length)
  })

  it('gives every call an id of its own, a summary, tags, and the key that it needs', () => {
    expect(new Set(operations.map(({ operationId }) => operationId)).size).to.equal(operations.length)
    for (const operation of operations) {
      expect(operation.summary, operation.operationId).to.be.a('string').and.not.empty
      expect(operation.tags, operation.operationId).to.have.length(1)
      expect(Object.keys(operation.responses).includes('401')).to.equal(operation.security.length > 0)
    }
  })

  it('describes each entry of a path, as required', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      for (const { operationId, parameters } of Object.values(methods as Record<string, any>)) {
        const inPath = parameters.filter((parameter: any) => parameter.in === 'path')
        expect(
          inPath.map(({ name }: any) => name),
          operationId,
        ).to.have.members(names)
        expect(inPath.every(({ required }: any) => required)).to.equal(true)
      }
    }
  })

  it('has schemas that compile as JSON Schema 2020-12, and examples that satisfy them', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    for (const { operationId, requestBody, responses } of operations) {
      const content = requestBody?.content['application/json']
      if (content !== undefined) {
        const validate = ajv.compile(content.schema)
        if (content.example !== undefined)
          expect(validate(content.example), `${operationId}: ${ajv.errorsText(validate.errors)}`).to.equal(
            true,
          )
      }
      for (const answer of Object.values<any>(responses)) {
        const { schema } = answer.content['application/json']
        if (schema.$ref === undefined) ajv.compile(schema)
        else expect(schema.$ref).to.equal('#/components/schemas/Error')
      }
    }
    ajv.compile(document.components.schemas.Error)
  })
})
