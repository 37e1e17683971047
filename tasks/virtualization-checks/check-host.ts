import { CapacityError, InputError } from '../../src/errors.ts'
import { chooseVirtType, type Domain, type HypervisorFacts } from '../../src/hypervisor/index.ts'
import { overlaps, planCluster, poolDir, type ClusterPlan, type ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { clusterPaths } from '../shared/cluster.ts'

/** MiB that a QEMU process needs beside its guest's memory. */
const OVERHEAD = 64
/** MiB that a fresh overlay may grow to before anyone has used the machine. */
const FIRST_GROWTH = 256

/**
 * Everything that can be known to fail is found here, before anything is changed: a virtualisation type that cannot
 * work, too little memory or disk, a subnet or bridge that is in use.
 */
export const checkHost = task<ClusterVars>('virtualization-checks: check the host', async ({ host, hypervisor, vars, note }) => {
  const facts = await hypervisor.facts(clusterPaths(vars))
  const plan = planCluster(vars, host.name)
  const virt = chooseVirtType(facts, vars.virt_type, host.name)
  if (virt.type === 'qemu' && vars.virt_type === 'auto') note('info', virt.reason)

  const domains = await hypervisor.domains.list()
  const missing = plan.machines.filter((machine) => domains.get(machine.name)?.active !== true)
  const created = plan.machines.filter((machine) => !domains.has(machine.name))
  checkMemory(vars, facts, missing.length, host.name)
  checkDisk(vars, facts, plan, created.length, host.name)
  if (plan.network !== undefined) await checkNetwork(plan, facts, host.name, (await hypervisor.networks.inspect(plan.network.name))?.active === true)
  reportForgotten(plan, domains, note)
})

function checkMemory(vars: ClusterVars, facts: HypervisorFacts, count: number, host: string): void {
  const needed = count * (vars.vm_mem + OVERHEAD)
  if (vars.vm_memory_overcommit) return
  if (vars.vm_mem > facts.memoryTotal) {
    throw new CapacityError('no-memory', `a machine of ${vars.vm_mem} MiB never fits: the host has ${facts.memoryTotal} MiB in all`, { host, hint: 'lower vm_mem' })
  }
  if (needed <= facts.memoryAvailable) return
  throw new CapacityError('no-memory', `${count} machines of ${vars.vm_mem} MiB (and ${OVERHEAD} MiB each for QEMU) need ${needed} MiB, but ${facts.memoryAvailable} of ${facts.memoryTotal} MiB are free`, {
    host,
    hint: 'lower vm_mem, name fewer machines in vm_cluster_vms, or set vm_memory_overcommit: true',
  })
}

function checkDisk(vars: ClusterVars, facts: HypervisorFacts, plan: ClusterPlan, count: number, host: string): void {
  const dir = poolDir(vars)
  const free = facts.free.get(dir) ?? 0
  const full = plan.machines.slice(0, count).reduce((sum, machine) => sum + Math.ceil(machine.diskSize / 2 ** 20), 0)
  const needed = vars.vm_disk_overcommit ? count * FIRST_GROWTH : full
  if (needed <= free) return
  throw new CapacityError('no-space', `${count} new disks need ${needed} MiB on ${dir}${vars.vm_disk_overcommit ? ' to begin with' : ' when full'}, but ${free} MiB are free`, {
    host,
    hint: 'make room, or set vm_pool_dir to a directory on a larger file system',
  })
}

async function checkNetwork(plan: ClusterPlan, facts: HypervisorFacts, host: string, active: boolean): Promise<void> {
  const network = plan.network
  if (network === undefined || active) return
  if (network.device !== undefined && !facts.interfaces.has(network.device)) {
    throw new InputError('no-interface', `vmhost_iface_name: ${host} has no interface ${network.device}`, { host, hint: `it has ${[...facts.interfaces].filter((name) => name !== 'lo').join(', ')}` })
  }
  if (facts.interfaces.has(network.bridge)) {
    throw new InputError('bridge-taken', `vmhost_bridge_iface: ${host} has an interface ${network.bridge} already`, { host, hint: 'choose another name for vmhost_bridge_iface' })
  }
  const clash = facts.addresses.find((address) => overlaps(address.cidr, network.cidr))
  if (clash !== undefined) {
    throw new InputError('subnet-taken', `vm_cluster_bridge_net: ${network.cidr} overlaps ${clash.cidr} on ${clash.interface} of ${host}`, { host, hint: 'choose another subnet for the cluster' })
  }
}

function reportForgotten(plan: ClusterPlan, domains: ReadonlyMap<string, Domain>, note: (level: 'warning', message: string) => void): void {
  const listed = new Set(plan.machines.map((machine) => machine.name))
  const forgotten = [...domains.values()].filter((domain) => domain.mark?.cluster === plan.name && !listed.has(domain.name)).map((domain) => domain.name)
  if (forgotten.length > 0) note('warning', `${forgotten.join(', ')} of this cluster ${forgotten.length === 1 ? 'is' : 'are'} no longer in vm_cluster_vms and left alone; unprovision-cluster removes the whole cluster`)
}
