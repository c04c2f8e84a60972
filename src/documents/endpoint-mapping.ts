import { type MadeBody, madeBody } from './mappings.ts'
import { compileTemplate } from './template.ts'

/**
 * What is sent to an endpoint in the stead of an event `{id, type, created_at, tenant_id, data}`, as its author's template has
 * it. Throws `document_invalid` with the place where it is none.
 */
export function compileEndpointMapping(written: unknown): (event: unknown) => MadeBody {
  const template = compileTemplate(written, '', 'body')
  return (event) => madeBody(template, event)
}
