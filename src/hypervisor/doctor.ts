/** `farm doctor`: what a host can do, what it lacks, and the command that mends it. */
import type { Host } from '../host/index.ts'
import { emulatorOf, kvmObstacle, probe, type HypervisorFacts } from './probe.ts'
import { Virsh } from './virsh.ts'

/** One thing looked at. `mend` is a command or a sentence that says what to do. */
export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'missing'
  readonly detail: string
  readonly mend?: string
}

/** Looks a host over. Nothing is changed. */
export async function doctor(host: Host, uri = 'qemu:///system'): Promise<Check[]> {
  const paths = ['/var/lib/libvirt/images', '/var/lib/farm']
  const facts = await probe(host, paths)
  const emulator = emulatorOf(facts.arch)
  const version = facts.programs.has('virsh') ? await new Virsh(host, uri).version() : undefined
  return [
    { name: 'system', status: 'ok', detail: `${facts.hostname}: ${facts.distribution[0] ?? 'Linux'} ${facts.codename} on ${facts.arch}, ${facts.cpus} CPUs, ${facts.init === 'none' ? 'no init system' : facts.init}` },
    memory(facts),
    ...disk(facts, paths),
    virtualisation(facts),
    ...(facts.kvmClosed ? [{ name: '/dev/kvm', status: 'warning', detail: 'closed to the group kvm, so libvirt asks every emulator anew at each request, which takes seconds', mend: 'chgrp kvm /dev/kvm; chmod 660 /dev/kvm   (provision-cluster does it)' } as const] : []),
    program(facts, emulator, 'the emulator', { apt: facts.arch === 'aarch64' ? 'qemu-system-arm' : 'qemu-system-x86', dnf: 'qemu-kvm', pacman: 'qemu-base', zypper: 'qemu', apk: emulator }),
    program(facts, 'qemu-img', 'disk images', { apt: 'qemu-utils', dnf: 'qemu-img', pacman: 'qemu-img', zypper: 'qemu-tools', apk: 'qemu-img' }),
    program(facts, 'virsh', 'libvirt\'s client', { apt: 'libvirt-clients libvirt-daemon-system', dnf: 'libvirt', pacman: 'libvirt', zypper: 'libvirt', apk: 'libvirt libvirt-client' }),
    daemon(facts, version),
    program(facts, 'dnsmasq', 'addresses in cluster networks', { apt: 'dnsmasq-base', dnf: 'dnsmasq', pacman: 'dnsmasq', zypper: 'dnsmasq', apk: 'dnsmasq' }),
    program(facts, 'iptables', 'forward and masquerade rules', { apt: 'iptables', dnf: 'iptables-nft', pacman: 'iptables-nft', zypper: 'iptables', apk: 'iptables' }),
    optional(facts, 'mmdebstrap', 'building images without a download'),
    permission(facts),
  ]
}

function memory(facts: HypervisorFacts): Check {
  const detail = `${facts.memoryAvailable} of ${facts.memoryTotal} MiB are free`
  return facts.memoryAvailable < 1024 ? { name: 'memory', status: 'warning', detail, mend: 'stop something, or give machines less with -e vm_mem=512' } : { name: 'memory', status: 'ok', detail }
}

function disk(facts: HypervisorFacts, paths: readonly string[]): Check[] {
  return paths.map((path) => {
    const free = facts.free.get(path) ?? 0
    const detail = `${(free / 1024).toFixed(1)} GiB are free for ${path}`
    return free < 4096 ? { name: 'disk', status: 'warning', detail, mend: 'make room, or set vm_pool_dir and vm_image_cache to another file system' } : { name: 'disk', status: 'ok', detail }
  })
}

function virtualisation(facts: HypervisorFacts): Check {
  const obstacle = kvmObstacle(facts)
  if (obstacle === undefined) return { name: 'kvm', status: 'ok', detail: `machines run with KVM (${facts.cpuFlag ?? facts.arch})` }
  return { name: 'kvm', status: 'warning', detail: `machines are emulated, which is some ten times slower: ${obstacle.why}`, mend: obstacle.mend }
}

type Packages = Readonly<Record<'apt' | 'dnf' | 'pacman' | 'zypper' | 'apk', string>>

function installCommand(facts: HypervisorFacts, packages: Packages): string {
  if (facts.programs.has('apt-get')) return `apt-get install -y ${packages.apt}`
  if (facts.programs.has('dnf')) return `dnf install -y ${packages.dnf}`
  if (facts.programs.has('pacman')) return `pacman -S --needed ${packages.pacman}`
  if (facts.programs.has('zypper')) return `zypper install -y ${packages.zypper}`
  return facts.programs.has('apk') ? `apk add ${packages.apk}` : `install ${packages.apt}`
}

function program(facts: HypervisorFacts, name: string, use: string, packages: Packages): Check {
  if (facts.programs.has(name)) return { name, status: 'ok', detail: `installed (${use})` }
  return { name, status: 'missing', detail: `not installed; it is needed for ${use}`, mend: installCommand(facts, packages) }
}

function optional(facts: HypervisorFacts, name: string, use: string): Check {
  if (facts.programs.has(name)) return { name, status: 'ok', detail: `installed (${use})` }
  return { name, status: 'warning', detail: `not installed; only needed for ${use}`, mend: facts.programs.has('apt-get') ? `apt-get install -y ${name}` : 'give an image with vm_download_url' }
}

function daemon(facts: HypervisorFacts, version: { version: string } | { version: undefined; reason: string } | undefined): Check {
  if (version?.version !== undefined) return { name: 'libvirt', status: 'ok', detail: `libvirt ${version.version} answers` }
  const mend = facts.init === 'systemd' ? 'systemctl enable --now libvirtd' : facts.init === 'openrc' ? 'rc-service libvirtd start' : 'virtlogd -d; libvirtd -d'
  return { name: 'libvirt', status: 'missing', detail: version === undefined ? 'there is no virsh to ask it with' : `libvirt does not answer: ${version.reason}`, mend: version === undefined ? 'install libvirt first' : mend }
}

function permission(facts: HypervisorFacts): Check {
  if (facts.uid === 0) return { name: 'permission', status: 'ok', detail: 'works as root' }
  if (facts.programs.has('sudo')) return { name: 'permission', status: 'ok', detail: `works as uid ${facts.uid}; sudo is there to become root` }
  return { name: 'permission', status: 'warning', detail: `works as uid ${facts.uid}, and there is no sudo`, mend: 'set ansible_become_method: su, or use libvirt_uri: qemu:///session' }
}
