import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Decides which addresses may be dialled. A refusal is a text that says why; null means allowed. */
export interface AddressGuard {
  refusalOfAddress(ip: string): string | null
  /** By a literal address or a loopback name only; a name that must be resolved is judged at the socket. */
  refusalOfUrl(url: string): string | null
  /** For `net.connect`: resolves a name and gives only addresses that are allowed, or fails with AddressRefused. */
  lookup(
    hostname: string,
    options: LookupOptions,
    callback: (error: Error | null, address?: string | LookupAddress[], family?: number) => void,
  ): void
}

/** A destination that this installation does not send to. */
export class AddressRefused extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'AddressRefused'
  }
}

/** Metadata services of clouds that hide among addresses which look public, or behind names. */
const METADATA = new Set([
  '169.254.169.254',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
])
const METADATA_NAMES = new Set(['metadata.google.internal', 'metadata.goog', 'instance-data'])

/** `allow`: CIDRs that may be dialled whatever they are; throws where one is not a CIDR. */
export function createGuard(allow: readonly string[]): AddressGuard {
  const allowed = allow.map((cidr) => ipaddr.parseCIDR(cidr))
  const isAllowed = (address: Address) =>
    allowed.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits))

  function refusalOfAddress(ip: string): string | null {
    if (!ipaddr.isValid(ip)) return `${ip} is not an address`
    // A mapped address reaches the IPv4 host, so it is that host that is judged.
    const address = ipaddr.process(ip)
    if (isAllowed(address)) return null
    const kind = kindOf(address)
    return kind === 'unicast' ? null : `${ip} is a ${kind} address`
  }

  function refusalOfUrl(url: string): string | null {
    const host = hostOf(url)
    if (isIP(host) !== 0) return refusalOfAddress(host)
    if (host === 'localhost' || host.endsWith('.localhost')) return refusalOfAddress('127.0.0.1')
    return METADATA_NAMES.has(host) ? `${host} is a metadata service` : null
  }

  function lookup(...[hostname, options, callback]: Parameters<AddressGuard['lookup']>): void {
    dnsLookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error)
      const usable = found.filter(({ address }) => refusalOfAddress(address) === null)
      const [first] = usable
      if (first === undefined) {
        return callback(
          new AddressRefused(`${hostname}: ${refusalOfAddress(found[0]?.address ?? '') ?? 'no address'}`),
        )
      }
      if (options.all === true) callback(null, usable)
      else callback(null, first.address, first.family)
    })
  }

  return { refusalOfAddress, refusalOfUrl, lookup }
}

/** Host of a URL in lower case, without the brackets of IPv6 and the dot that ends a full name. */
export function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}

/** The kind of an address, `unicast` for those of the public network; what carries an IPv4 address is judged by it. */
function kindOf(address: Address): string {
  const text = address.toString()
  if (METADATA.has(text)) return 'metadata'
  if (address.kind() === 'ipv4') return address.range()
  const v6 = address as ipaddr.IPv6
  const range = v6.range()
  const bytes = v6.toByteArray()
  // NAT64 and 6to4 carry the IPv4 address of whom they reach.
  if (range === 'rfc6052') return kindOf(new ipaddr.IPv4(bytes.slice(12, 16)))
  if (range === '6to4') return kindOf(new ipaddr.IPv4(bytes.slice(2, 6)))
  return range
}
