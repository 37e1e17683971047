/**
 * A cluster as it shall be: the machines, their addresses, the network and the pool, worked out from the variables
 * alone. Whatever is wrong in them is found here, before any host is touched.
 */
import { createHash } from 'node:crypto'
import ipaddr from 'ipaddr.js'
import { InputError } from '../errors.ts'
import { parseSize } from '../size.ts'
import type { ClusterVars } from './vars.ts'

/** One machine as it shall be. */
export interface MachinePlan {
  readonly name: string
  readonly mac: string
  /** Fixed IPv4 address in the cluster's network; undefined with user networking. */
  readonly ip: string | undefined
  readonly memMiB: number
  readonly cpus: number
  /** Bytes that the guest sees. */
  readonly diskSize: number
}

/** The cluster's network; undefined with user networking. */
export interface NetworkPlan {
  readonly name: string
  readonly mode: 'nat' | 'route'
  readonly bridge: string
  readonly cidr: string
  readonly gateway: string
  readonly netmask: string
  readonly dhcpStart: string
  readonly dhcpEnd: string
  readonly stp: boolean
  readonly domain: string | undefined
  readonly device: string | undefined
}

export interface ClusterPlan {
  readonly name: string
  readonly pool: string
  readonly poolDir: string
  readonly network: NetworkPlan | undefined
  readonly machines: readonly MachinePlan[]
}

/** Name of the cluster's pool. */
export function poolName(vars: Pick<ClusterVars, 'vmhost_cluster_name' | 'vm_cluster_pool'>): string {
  return vars.vm_cluster_pool ?? `${vars.vmhost_cluster_name}-pool`
}

/** Directory of the cluster's pool. */
export function poolDir(vars: Pick<ClusterVars, 'vmhost_cluster_name' | 'vm_pool_dir'>): string {
  return vars.vm_pool_dir ?? `/var/lib/libvirt/images/${vars.vmhost_cluster_name}`
}

/** A MAC address from QEMU's range, the same for a name in a cluster wherever it runs. */
export function machineMac(cluster: string, name: string): string {
  const hash = createHash('sha256').update(`${cluster}/${name}`).digest()
  return ['52', '54', '00', ...[...hash.subarray(0, 3)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':')
}

/**
 * Works out the cluster.
 *
 * @param known addresses that machines have already: without a fixed one they keep it, whatever their place in the list.
 * @throws InputError `bad-cluster` that lists every problem: duplicate names and addresses, addresses outside the
 *   subnet, an inverted DHCP range, a netmask that contradicts the subnet.
 */
export function planCluster(vars: ClusterVars, host: string, known: ReadonlyMap<string, string> = new Map()): ClusterPlan {
  const problems: string[] = []
  const cluster = vars.vmhost_cluster_name
  problems.push(...duplicates(vars.vm_cluster_vms.map((name) => name.toLowerCase())).map((name) => `vm_cluster_vms: ${name} stands there twice`))

  const network = vars.vm_network_mode === 'user' ? undefined : planNetwork(vars, problems)
  const fixed = new Map(vars.vm_cluster_ips.map(({ name, ip }) => [name, ip]))
  if (network !== undefined) checkAddresses(vars, network, problems)

  if (network !== undefined) for (const [name, ip] of known) if (!fixed.has(name) && inside(network.cidr, ip) && ![...fixed.values(), network.gateway].includes(ip)) fixed.set(name, ip)
  const taken = new Set([...fixed.values(), network?.gateway])
  const machines = vars.vm_cluster_vms.map((name): MachinePlan => ({
    name,
    mac: machineMac(cluster, name),
    ip: network === undefined ? undefined : (fixed.get(name) ?? nextFree(network, taken, problems)),
    memMiB: vars.vm_mem,
    cpus: vars.vm_cpus,
    diskSize: parseSize(vars.vm_diskspace) ?? 0,
  }))
  problems.push(...duplicates([...new Map(machines.map((machine) => [machine.name.toLowerCase(), machine.mac])).values()]).map((mac) => `two machine names lead to the same MAC address ${mac}; rename one of them`))

  if (problems.length > 0) {
    throw new InputError('bad-cluster', problems.length === 1 ? (problems[0] ?? '') : `${problems.length} variables of the cluster do not fit together:`, {
      host,
      details: problems.length === 1 ? [] : problems,
      hint: 'nothing has been changed; correct the variables and run again',
    })
  }
  return { name: cluster, pool: poolName(vars), poolDir: poolDir(vars), network, machines }
}

function inside(cidr: string, ip: string): boolean {
  return ipaddr.IPv4.isValid(ip) && ipaddr.IPv4.parse(ip).match(ipaddr.IPv4.parseCIDR(cidr))
}

function duplicates(words: readonly string[]): string[] {
  return [...new Set(words.filter((word, index) => words.indexOf(word) !== index))]
}

const toNumber = (ip: string): number => ipaddr.IPv4.parse(ip).toByteArray().reduce((value, byte) => value * 256 + byte, 0)
const toText = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')

/** First and last usable address of a subnet, as numbers. */
function usable(cidr: string): readonly [first: number, last: number] {
  return [toNumber(ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()) + 1, toNumber(ipaddr.IPv4.broadcastAddressFromCIDR(cidr).toString()) - 1]
}

function planNetwork(vars: ClusterVars, problems: string[]): NetworkPlan {
  const cidr = vars.vm_cluster_bridge_net
  const [first, last] = usable(cidr)
  const prefix = ipaddr.IPv4.parse(vars.vm_cluster_bridge_mask).prefixLengthFromSubnetMask()
  if (prefix === null) problems.push(`vm_cluster_bridge_mask: ${vars.vm_cluster_bridge_mask} is not a netmask`)
  else if (prefix !== Number(cidr.split('/')[1])) problems.push(`vm_cluster_bridge_mask ${vars.vm_cluster_bridge_mask} means /${prefix}, but vm_cluster_bridge_net is ${cidr}`)
  const gateway = vars.vm_cluster_bridge_ip
  const start = vars.vm_cluster_bridge_dhcp_start ?? toText(toNumber(gateway) === first ? first + 1 : first)
  const end = vars.vm_cluster_bridge_dhcp_end ?? toText(last)
  for (const [name, ip] of [['vm_cluster_bridge_ip', gateway], ['vm_cluster_bridge_dhcp_start', start], ['vm_cluster_bridge_dhcp_end', end]] as const) {
    if (toNumber(ip) < first || toNumber(ip) > last) problems.push(`${name}: ${ip} is outside ${cidr}`)
  }
  if (toNumber(start) > toNumber(end)) problems.push(`vm_cluster_bridge_dhcp_start ${start} lies behind vm_cluster_bridge_dhcp_end ${end}`)
  return {
    name: vars.vmhost_cluster_name,
    mode: vars.vm_network_mode === 'route' ? 'route' : 'nat',
    bridge: vars.vmhost_bridge_iface,
    cidr,
    gateway,
    netmask: vars.vm_cluster_bridge_mask,
    dhcpStart: start,
    dhcpEnd: end,
    stp: vars.vm_bridge_stp,
    domain: vars.vm_domain,
    device: vars.vmhost_iface_name,
  }
}

function checkAddresses(vars: ClusterVars, network: NetworkPlan, problems: string[]): void {
  const [first, last] = usable(network.cidr)
  const names = new Set(vars.vm_cluster_vms)
  for (const { name, ip } of vars.vm_cluster_ips) {
    if (!names.has(name)) problems.push(`vm_cluster_ips: there is no machine "${name}" in vm_cluster_vms`)
    if (toNumber(ip) < first || toNumber(ip) > last) problems.push(`vm_cluster_ips: ${ip} (${name}) is outside ${network.cidr}`)
    if (ip === network.gateway) problems.push(`vm_cluster_ips: ${ip} (${name}) is the address of the bridge`)
  }
  problems.push(...duplicates(vars.vm_cluster_ips.map((entry) => entry.ip)).map((ip) => `vm_cluster_ips: ${ip} is given twice`))
  problems.push(...duplicates(vars.vm_cluster_ips.map((entry) => entry.name)).map((name) => `vm_cluster_ips: ${name} stands there twice`))
}

/** The lowest address that is free; a machine without one of its own gets it, in the order of the list. */
function nextFree(network: NetworkPlan, taken: Set<string | undefined>, problems: string[]): string {
  for (let value = toNumber(network.dhcpStart); value <= toNumber(network.dhcpEnd); value += 1) {
    const ip = toText(value)
    if (taken.has(ip)) continue
    taken.add(ip)
    return ip
  }
  problems.push(`vm_cluster_vms: more machines than addresses from ${network.dhcpStart} to ${network.dhcpEnd}`)
  return network.dhcpStart
}

/** Whether two IPv4 subnets share an address. */
export function overlaps(a: string, b: string): boolean {
  const [netA, bitsA] = ipaddr.IPv4.parseCIDR(a)
  const [netB, bitsB] = ipaddr.IPv4.parseCIDR(b)
  return netA.match(netB, Math.min(bitsA, bitsB))
}
