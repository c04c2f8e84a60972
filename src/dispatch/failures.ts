import type { FailureKind } from './client.ts'
import { AddressRefused } from './guard.ts'

const DNS = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'ENODATA', 'ESERVFAIL'])
const TIMEOUTS = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
])

/** What kind of failure an error of the HTTP client is, and a text for the attempt log that holds no secret. */
export function failureOf(error: Error): { reason: FailureKind; message: string } {
  const message = error.message.slice(0, 500)
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (error instanceof AddressRefused) return { reason: 'refused_address', message }
  // Several addresses were tried, and each has its own reason; the first stands for them.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return failureOf(error.errors[0])
  if (TIMEOUTS.has(code)) return { reason: 'timeout', message }
  if (DNS.has(code)) return { reason: 'dns', message }
  if (/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/.test(code))
    return { reason: 'tls', message }
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW' || error.name === 'HTTPParserError') {
    return { reason: 'protocol', message: message || code }
  }
  return { reason: 'connection', message: message || code || 'the connection failed' }
}
