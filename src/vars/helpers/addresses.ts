/** Helpers for IPv4 and IPv6 addresses and networks. The only file of the variables that imports ipaddr.js; it does so on first use. */
import { createRequire } from 'node:module'
import type IpAddr from 'ipaddr.js'
import { bounded, counted, integer, text, type Helpers } from './arguments.ts'

const require = createRequire(import.meta.url)
let library: typeof IpAddr | undefined

/** An address as a number, with its network's prefix (all bits when none is written). */
interface Address {
  readonly value: bigint
  /** 32 or 128. */
  readonly bits: number
  readonly prefix: number
}

/** By name. */
export const addressHelpers: Helpers = {
  ip_address: counted(1, 1, ([value]) => show(parse(value))),
  ip_version: counted(1, 1, ([value]) => (parse(value).bits === 32 ? 4 : 6)),
  ip_prefix: counted(1, 1, ([value]) => parse(value).prefix),
  ip_netmask: counted(1, 1, ([value]) => show(at(parse(value), mask(parse(value))))),
  ip_network: counted(1, 1, ([value]) => show(lowest(parse(value)))),
  ip_subnet: counted(1, 1, ([value]) => `${show(lowest(parse(value)))}/${parse(value).prefix}`),
  ip_broadcast: counted(1, 1, ([value]) => show(highest(parse(value)))),
  ip_size: counted(1, 1, ([value]) => exact(size(parse(value)))),
  ip_add: counted(2, 2, ([value, count]) => withPrefix(value, moved(parse(value), BigInt(integer(count))))),
  ip_nth: counted(2, 2, ([value, index]) => show(nth(parse(value), BigInt(integer(index))))),
  ip_range: counted(2, 2, ([first, last]) => range(parse(first), parse(last))),
  ip_in: counted(2, 2, ([value, network]) => within(parse(value), parse(network))),
}

/** Four decimal numbers, or any form of IPv6; `/24` or `/255.255.255.0` may follow. */
function parse(value: unknown): Address {
  const written = text(value)
  const [address = '', suffix, more] = written.split('/')
  const bad = new Error(`needs an address such as 10.0.0.1, 10.0.0.0/24 or fd00::1/64, got ${JSON.stringify(written)}`)
  library ??= require('ipaddr.js') as typeof IpAddr
  const v4 = library.IPv4.isValidFourPartDecimal(address) && !/(?:^|\.)0\d/.test(address)
  if (more !== undefined || !(v4 || (address.includes(':') && !address.includes('%') && library.IPv6.isValid(address)))) throw bad
  const bytes = (v4 ? library.IPv4.parse(address) : library.IPv6.parse(address)).toByteArray()
  const bits = bytes.length * 8
  const prefix = suffix === undefined ? bits : v4 && suffix.includes('.') ? prefixOf(suffix) : /^\d{1,3}$/.test(suffix) ? Number(suffix) : bits + 1
  if (prefix > bits) throw bad
  return { value: bytes.reduce((all, byte) => (all << 8n) | BigInt(byte), 0n), bits, prefix }
}

/** The length that a netmask stands for; too large when it is none. */
function prefixOf(netmask: string): number {
  if (!library?.IPv4.isValidFourPartDecimal(netmask)) return 33
  return library.IPv4.parse(netmask).prefixLengthFromSubnetMask() ?? 33
}

function show({ value, bits }: Address): string {
  const bytes = Array.from({ length: bits / 8 }, (_, index) => Number((value >> BigInt(bits - 8 - index * 8)) & 255n))
  library ??= require('ipaddr.js') as typeof IpAddr
  return bits === 32 ? bytes.join('.') : new library.IPv6(bytes).toRFC5952String()
}

function at(address: Address, value: bigint): Address {
  if (value < 0n || value >= 1n << BigInt(address.bits)) throw new Error('leads out of all addresses')
  return { ...address, value }
}

function size({ bits, prefix }: Address): bigint {
  return 1n << BigInt(bits - prefix)
}

function mask(address: Address): bigint {
  return (1n << BigInt(address.bits)) - size(address)
}

function lowest(address: Address): Address {
  return at(address, address.value & mask(address))
}

function highest(address: Address): Address {
  return at(address, lowest(address).value + size(address) - 1n)
}

function moved(address: Address, by: bigint): Address {
  return at(address, address.value + by)
}

function withPrefix(written: unknown, address: Address): string {
  return text(written).includes('/') ? `${show(address)}/${address.prefix}` : show(address)
}

/** From the network's start, or from its end when negative. */
function nth(network: Address, index: bigint): Address {
  if (index >= size(network) || -index > size(network)) throw new Error(`finds no address ${index} in a network of ${size(network)}`)
  return index < 0n ? moved(highest(network), index + 1n) : moved(lowest(network), index)
}

function range(first: Address, last: Address): string[] {
  if (first.bits !== last.bits || last.value < first.value) throw new Error('needs two addresses of one kind, the lower one first')
  const length = bounded(exact(last.value - first.value + 1n))
  return Array.from({ length }, (_, index) => show(moved(first, BigInt(index))))
}

function within(address: Address, network: Address): boolean {
  const inside = (value: bigint): boolean => value >= lowest(network).value && value <= highest(network).value
  return address.bits === network.bits && (address.prefix === address.bits ? inside(address.value) : inside(lowest(address).value) && inside(highest(address).value))
}

function exact(count: bigint): number {
  if (count <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(count)
  throw new Error('has a result that is too large to be exact')
}
