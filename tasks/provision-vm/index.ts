/** Role: one machine for each name, all at once, ended only when each has let farm log in. */
import type { Host } from '../../src/host/index.ts'
import { chooseVirtType, find, findAll, readConsoles, type Domain } from '../../src/hypervisor/index.ts'
import { inspectImage, plannedImage } from '../../src/image/index.ts'
import { awaitLogins, caCertificate, existingKey, loginKey, machineUuid, planCluster, poolName, type AwaitedMachine, type ClusterVars } from '../../src/machine/index.ts'
import { task, type TaskContext } from '../../src/recipe/index.ts'
import { clusterPaths, imageSpec, machineFiles } from '../shared/cluster.ts'
import { inspectDisks } from '../shared/disks.ts'
import { existingFiles } from '../shared/files.ts'
import { knownAddresses } from '../shared/known.ts'
import { ensureOwnDirectory } from '../shared/own-directory.ts'
import { settleAll } from '../shared/settle.ts'
import { ensureMachine, type Found, type ProvisionInput } from './machine.ts'
import { choosePort } from './ports.ts'

/** Seconds to a login. */
const BOOT_TIMEOUT = { kvm: 120, qemu: 600 }

export const provisionMachines = task<ClusterVars>('provision-vm: create and start the machines', async (context) => {
  const { host, hypervisor, vars, signal } = context
  const facts = await hypervisor.facts(clusterPaths(vars))
  const plan = planCluster(vars, host.name, await knownAddresses(hypervisor, vars))
  const virtType = chooseVirtType(facts, vars.virt_type, host.name).type
  // A check makes no key either.
  const key = host.check && vars.ssh_pub_key === undefined ? await existingKey() : await loginKey(vars.ssh_pub_key)
  const spec = imageSpec(vars, facts, host.name)
  const cache = vars.vm_image_cache
  const input: ProvisionInput = {
    context,
    cluster: plan.name,
    pool: poolName(vars),
    network: plan.network,
    facts,
    virtType,
    image: (await inspectImage(host, spec, cache)) ?? plannedImage(spec, cache),
    publicKey: key.publicKey,
    caCertificate: await caCertificate(vars.domain_ca_cert),
  }
  const found = await inspect(input, plan.machines)
  // virtlogd writes consoles into a directory that has to be there.
  if (found.some(({ domain }) => domain === undefined)) await ensureOwnDirectory(host, vars.vm_console_dir)

  const consoles = await readConsoles(host, found.map(({ machine }) => machineFiles(vars, machine.name).console), 1)
  const awaited: AwaitedMachine[] = []
  await settleAll(found.map(async (one, index) => {
    const startedAt = performance.now()
    const { hostKey, started } = await ensureMachine(input, one)
    if (host.check || (!started && one.domain?.ready === true)) return
    context.rung(one.machine.name, 'defined', 0)
    context.rung(one.machine.name, 'running', (performance.now() - startedAt) / 1000)
    awaited.push({
      name: one.machine.name, address: one.address, port: one.port, user: 'root', hostKey, identityFile: key.identityFile, mac: one.machine.mac,
      consoleLog: machineFiles(vars, one.machine.name).console,
      consoleOffset: !started ? 0 : one.domain?.active === true ? await consoleSize(host, one.machine.name, vars) : (consoles[index]?.size ?? 0),
      startedAt,
    })
  }))
  await awaitLogins(awaited, { host, hypervisor, network: plan.network?.name, timeout: vars.vm_boot_timeout ?? BOOT_TIMEOUT[virtType], signal, onRung: context.rung })
  if (awaited.length > 0) await hypervisor.domains.markReady(awaited.map(({ name }) => machineUuid(plan.name, name)))
  if (!host.check) report(context, found)
})

/** What is there of each machine, and where it answers. */
async function inspect(input: ProvisionInput, machines: readonly Found['machine'][]): Promise<Found[]> {
  const { host, hypervisor, vars } = input.context
  const domains = await hypervisor.domains.list()
  const paths = machines.map(({ name }) => diskOf(domains.get(name)) ?? machineFiles(vars, name).disk)
  const disks = await inspectDisks(host, paths)
  const seeds = await existingFiles(host, machines.map(({ name }) => machineFiles(vars, name).seed))
  await hypervisor.pools.forgetLost(input.pool, machines.filter((_, index) => disks[index] === undefined).map(({ name }) => `${name}.qcow2`))
  const taken = new Set([...input.facts.listening, ...[...domains.values()].flatMap((domain) => (domain.mark === undefined ? [] : [domain.mark.port]))])
  return machines.map((machine, index): Found => {
    const domain = domains.get(machine.name)
    const user = input.network === undefined
    const kept = domain?.mark
    return {
      machine,
      domain,
      diskPath: paths[index] ?? '',
      disk: disks[index],
      hasSeed: seeds.includes(machineFiles(vars, machine.name).seed),
      address: user ? '127.0.0.1' : (machine.ip ?? ''),
      port: !user ? 22 : keepsPort(domain, input.facts.listening) ? (kept?.port ?? 22) : choosePort(input.cluster, machine.name, taken),
    }
  })
}

/** The file of a machine's first disk, as it is attached. */
function diskOf(domain: Domain | undefined): string | undefined {
  const disks = findAll(find(domain?.document, 'devices'), 'disk')
  const first = disks.find((disk) => find(disk, 'target')?.attributes['dev'] === 'vda')
  return find(first, 'source')?.attributes['file']
}

/** How much a console's log holds now: after a restart, all of it speaks of the boot before. */
async function consoleSize(host: Host, name: string, vars: ClusterVars): Promise<number> {
  const [console] = await readConsoles(host, [machineFiles(vars, name).console], 1)
  return console?.size ?? 0
}

/** A machine keeps its forwarded port, unless it is off and something else has taken the port meanwhile. */
function keepsPort(domain: Domain | undefined, listening: ReadonlySet<number>): boolean {
  return domain?.mark?.address === '127.0.0.1' && (domain.active || !listening.has(domain.mark.port))
}

function report({ host, vars, again, result }: TaskContext<ClusterVars>, found: readonly Found[]): void {
  const width = Math.max(0, ...found.map(({ machine }) => machine.name.length))
  const lines = found.map(({ machine, address, port }) => `${machine.name.padEnd(width)}  ${again(`ssh ${machine.name}`)}   (${port === 22 ? address : `${address}:${port}`})`)
  result(lines.length === 0 ? [] : [`Log in to the machines of cluster ${vars.vmhost_cluster_name}:`, ...lines.map((line) => `  ${line}`)], {
    cluster: vars.vmhost_cluster_name,
    host: host.name,
    machines: found.map(({ machine, address, port }) => ({ name: machine.name, address, port, mac: machine.mac })),
  })
}
