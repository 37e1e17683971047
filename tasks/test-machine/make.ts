/** The machine itself: its image, its disks and seed, its addresses and its definition. Nothing is started here. */
import { TaskError } from '../../src/errors.ts'
import { lockScope, type Domain } from '../../src/hypervisor/index.ts'
import { ensureImage } from '../../src/image/index.ts'
import { allocateAddresses, defaultCpu, definitionHash, existingKey, loginKey, machineUuid, ownIdentityFile, renderDomainSpec, sshPlace, type AddressedInterface, type MachineVars } from '../../src/machine/index.ts'
import { task, type TaskContext } from '../../src/recipe/index.ts'
import { removeFarmMachines } from '../remove-machines/index.ts'
import { isThere, lifeOf, machineState, type MachineState } from '../shared/farm-state.ts'
import { ensureOwnDirectory } from '../shared/own-directory.ts'
import { knowledgeHash, USER_NETWORK_DNS, writeSeed, type Knowledge } from '../shared/seed.ts'
import { makeDisks } from './disks.ts'
import { ensureLease, readLease } from './lease.ts'
import { onHypervisor } from './place.ts'

/** Seconds to wait for whoever chooses addresses on the hypervisor at the same time. */
const PATIENCE = 120

/** A machine that is there and stays keeps its image; another one's is fetched or built, once for all machines that share it. */
export const getImage = task<MachineVars>('get the image', { delegateTo: onHypervisor }, async (context) => {
  const state = machineState(context)
  if (isThere(lifeOf(context))) context.skip('the machine is there already')
  state.image = await ensureImage(context.host, state.placed.image, { cacheDir: state.placed.dirs.images, progress: context.progress, signal: context.signal })
})

export const makeMachine = task<MachineVars>('make the machine', { delegateTo: onHypervisor }, async (context) => {
  const life = lifeOf(context)
  const state = machineState(context)
  if (life.domain !== undefined && isThere(life)) {
    await checkPort(context, life.domain)
    tell(context, state, life.domain.mark?.address ?? '', life.domain.mark?.port ?? 22, life.domain.mark?.hostKey ?? '')
    context.skip('it is there already')
  }
  const { placed } = state
  const { host, hypervisor, vars } = context
  if (life.domain !== undefined) {
    await refuseImpossible(context, state, life.domain)
    await removeFarmMachines(hypervisor, [life.domain], vars.farm_name, placed.dirs)
  }
  for (const dir of [placed.dirs.pool, placed.dirs.consoles]) await ensureOwnDirectory(host, dir)
  await define(context, state)
})

/** A machine that is there goes only when the one in its place can have the addresses and networks that it asks for. */
async function refuseImpossible({ host, hypervisor }: TaskContext<MachineVars>, { placed: { definition } }: MachineState, old: Domain): Promise<void> {
  const domains = [...(await hypervisor.domains.list()).values()].filter(({ name }) => name !== definition.name)
  // While the old one runs, it may be what listens on the ports of the new one.
  const listening = old.active ? new Set<number>() : (await hypervisor.facts()).listening
  const interfaces = allocateAddresses([definition], { domains, listening }, host.name).get(definition.name) ?? []
  for (const nic of interfaces) await readLease(hypervisor, nic)
  sshPlace(definition, interfaces)
}

async function define(context: TaskContext<MachineVars>, state: MachineState): Promise<void> {
  const { host, hypervisor, vars, templateDirs, owner } = context
  const { placed, image } = state
  const { definition, dirs, virtType } = placed
  if (image === undefined) throw new Error('the image was not got')
  const { name } = definition
  // Before anybody else has to wait: a raw disk takes its time.
  const { disks, seed } = await makeDisks(host, definition, image, dirs)
  await using _lock = await addressLock(context)
  // What other farms have made meanwhile counts.
  hypervisor.forget()
  const { listening } = await hypervisor.facts()
  const domains = [...(await hypervisor.domains.list()).values()].filter((domain) => domain.name !== name)
  const interfaces = allocateAddresses([definition], { domains, listening }, host.name).get(name) ?? []
  for (const nic of interfaces) await readLease(hypervisor, nic)
  const { address, port, mac } = sshPlace(definition, interfaces)
  for (const nic of interfaces) await ensureLease(hypervisor, nic, definition.hostname)

  const knowledge = await knowledgeOf(context, state, mac, interfaces)
  const hostKey = seed === undefined ? '' : await writeSeed(host, name, seed.file, knowledge, templateDirs)
  const document = await renderDomainSpec({
    name,
    uuid: machineUuid(vars.farm_name, name),
    mark: {
      cluster: vars.farm_name, owner, created: `${new Date().toISOString().slice(0, 19)}Z`, address, port, user: definition.login.user, hostKey, image: image.key, seed: knowledgeHash(knowledge),
      console: `${dirs.consoles}/${vars.farm_name}.${name}.log`, platform: definition.platform, target: definition.target, definition: definitionHash(definition),
    },
    virtType,
    arch: definition.arch,
    emulator: definition.emulator,
    machineType: definition.machineType,
    cpu: definition.cpu[virtType] ?? (virtType === 'kvm' && placed.capabilities.arch !== definition.arch ? undefined : defaultCpu(definition.arch, virtType)),
    vcpus: definition.vcpus,
    memory: definition.memory,
    firmware: definition.firmware,
    nvram: definition.firmware.kind === 'default' ? undefined : `${dirs.pool}/${name}.nvram.fd`,
    kernel: image.kernel === undefined ? undefined : { image: image.kernel, initrd: image.initrd, cmdline: definition.cmdline ?? image.cmdline ?? '' },
    disks: [...disks, ...(seed === undefined ? [] : [seed])],
    interfaces,
    vhost: virtType === 'kvm' && placed.capabilities.arch === definition.arch && (await hypervisor.facts()).vhostNet,
    template: definition.template,
    extra: definition.extra,
  }, templateDirs)
  await hypervisor.domains.define(name, document)
  tell(context, state, address, port, hostKey)
}

/** Addresses are chosen one machine after the other, whatever farm does it. */
async function addressLock({ check, host, owner }: TaskContext): Promise<AsyncDisposable> {
  if (check) return { [Symbol.asyncDispose]: () => Promise.resolve() }
  return lockScope(host, `${owner} (pid ${process.pid})`, { name: 'addresses', what: 'the addresses of machines', wait: PATIENCE })
}

async function knowledgeOf({ check }: TaskContext, { placed, image }: MachineState, mac: string, interfaces: readonly AddressedInterface[]): Promise<Knowledge> {
  const { hostname, login } = placed.definition
  const key = check && login.key === undefined ? await existingKey() : await loginKey(login.key === undefined ? undefined : `${login.key}.pub`)
  const user = interfaces.some(({ type }) => type === 'user')
  return {
    hostname,
    authorizedKeys: [key.publicKey],
    caCertificates: [],
    packages: image?.seedPackages ?? [],
    userData: image?.userData ?? {},
    nameservers: user ? [USER_NETWORK_DNS] : interfaces.flatMap(({ gateway }) => gateway ?? []),
    mac,
  }
}

/** From now on the machine is a host that can be logged in to. */
function tell(context: TaskContext, { placed }: MachineState, address: string, port: number, hostKey: string): void {
  const { login } = placed.definition
  context.setVariables({
    ansible_host: address,
    ansible_port: port,
    ansible_user: login.user,
    ansible_connection: 'ssh',
    ansible_ssh_private_key_file: login.key ?? ownIdentityFile(),
    // Whose image reads no seed has a key that nobody knows; one that is only planned has none yet.
    ...(hostKey !== '' && !hostKey.includes('(made') && { farm_host_keys: [hostKey] }),
  })
}

/** A machine that is off finds its port again only if nobody else has taken it. */
async function checkPort({ hypervisor, again }: TaskContext, domain: Domain): Promise<void> {
  const { mark } = domain
  if (domain.active || mark === undefined || !mark.address.startsWith('127.')) return
  const { listening } = await hypervisor.facts()
  if (!listening.has(mark.port)) return
  throw new TaskError('port-taken', `port ${mark.port} of ${hypervisor.host.name}, through which ${domain.name} is reached, has been taken by another program`, {
    host: domain.name,
    hint: `end that program, or have the machine made anew with another port: ${again('run test-farm')} --recreate`,
  })
}
