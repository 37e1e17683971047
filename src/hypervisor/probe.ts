/** What a hypervisor is made of: one script, one round trip. */
import type { Host } from '../host/index.ts'
import { InputError } from '../errors.ts'

/** Facts about a host that decide what farm can do there. Sizes are in MiB. */
export interface HypervisorFacts {
  readonly hostname: string
  readonly uid: number
  /** As `uname -m` says: x86_64, aarch64, ppc64le, … */
  readonly arch: string
  readonly cpus: number
  readonly memoryTotal: number
  readonly memoryAvailable: number
  /** `ID` and `ID_LIKE` of os-release, in that order. */
  readonly distribution: readonly string[]
  readonly codename: string
  readonly init: 'systemd' | 'openrc' | 'none'
  /** The CPU says that it can virtualise: vmx or svm on x86, undefined where there is no such flag to read. */
  readonly cpuFlag: 'vmx' | 'svm' | undefined
  readonly kvmDevice: 'usable' | 'unusable' | 'absent'
  /** /dev/kvm is closed to the group that emulators run in: no udev has set it up. */
  readonly kvmClosed: boolean
  /** Programs that were looked for and found. */
  readonly programs: ReadonlySet<string>
  readonly ipForward: boolean
  readonly vhostNet: boolean
  /** Free MiB on the file system that holds (or will hold) each path asked for. */
  readonly free: ReadonlyMap<string, number>
  /** IPv4 addresses with prefix lengths and their interfaces: `172.17.2.1/24` on `kvmbr0`. */
  readonly addresses: readonly { readonly interface: string; readonly cidr: string }[]
  /** Names of the host's network interfaces. */
  readonly interfaces: ReadonlySet<string>
  /** TCP ports on which something listens. */
  readonly listening: ReadonlySet<number>
}

const PROGRAMS = [
  'virsh', 'libvirtd', 'virtqemud', 'virtlogd', 'qemu-img', 'dnsmasq', 'iptables', 'mmdebstrap', 'mkfs.ext4', 'curl', 'wget',
  'apt-get', 'dnf', 'pacman', 'zypper', 'apk', 'flock', 'ip', 'sudo',
]

/** The emulator's program for a guest of that architecture. */
export function emulatorOf(arch: string): string {
  return `qemu-system-${{ ppc64le: 'ppc64', armv7l: 'arm', i686: 'i386' }[arch] ?? arch}`
}

/** Asks a host for its facts. `paths`: whose free space matters; they need not exist yet. */
export async function probe(host: Host, paths: readonly string[]): Promise<HypervisorFacts> {
  const { stdout } = await host.query`
echo "hostname=$(uname -n)"; echo "uid=$(id -u)"; arch=$(uname -m); echo "arch=$arch"
echo "cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || grep -c ^processor /proc/cpuinfo)"
while read -r key value unit; do case $key in MemTotal:) echo "memoryTotal=$value";; MemAvailable:) echo "memoryAvailable=$value";; esac; done </proc/meminfo
if [ -r /etc/os-release ]; then (ID=; ID_LIKE=; VERSION_CODENAME=; . /etc/os-release; echo "distribution=$ID $ID_LIKE"; echo "codename=$VERSION_CODENAME"); fi
if [ -d /run/systemd/system ]; then echo init=systemd; elif [ -d /run/openrc ]; then echo init=openrc; else echo init=none; fi
flags=$(grep -m1 -E '^flags' /proc/cpuinfo || true)
case " $flags " in *' vmx '*) echo cpuFlag=vmx;; *' svm '*) echo cpuFlag=svm;; esac
if [ ! -e /dev/kvm ]; then echo kvm=absent; elif [ -r /dev/kvm ] && [ -w /dev/kvm ]; then echo kvm=usable; else echo kvm=unusable; fi
if [ -e /dev/kvm ]; then case $(stat -c '%a %G' /dev/kvm) in *'6 kvm' | *'66 '* | *'60 kvm') ;; *) echo kvmClosed=1;; esac; fi
for program in ${PROGRAMS} qemu-system-"$arch" qemu-system-ppc64; do if command -v "$program" >/dev/null 2>&1; then echo "program=$program"; fi; done
# Not by read: dash reads byte by byte, and files below /proc/sys end after the first.
forward=$(cat /proc/sys/net/ipv4/ip_forward) && echo "ipForward=$forward"
if [ -e /dev/vhost-net ]; then echo vhostNet=1; fi
for path in ${[...paths]}; do
  at=$path; while [ ! -d "$at" ]; do at=$(dirname "$at"); done
  echo "free=$(df -Pk "$at" | { read -r header; read -r device blocks used available rest; echo "$available"; }) $path"
done
if command -v ip >/dev/null 2>&1; then ip -4 -o addr show 2>/dev/null | while read -r n interface family cidr rest; do echo "address=$interface $cidr"; done; fi
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r slot local remote state rest; do if [ "$state" = 0A ]; then echo "listening=$local"; fi; done
for device in /sys/class/net/*; do if [ -e "$device" ]; then echo "interface=$(basename "$device")"; fi; done
`
  const values = new Map<string, string[]>()
  for (const line of stdout.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0) values.set(line.slice(0, at), [...(values.get(line.slice(0, at)) ?? []), line.slice(at + 1)])
  }
  const one = (key: string): string => values.get(key)?.[0] ?? ''
  const init = one('init')
  const flag = one('cpuFlag')
  const kvm = one('kvm')
  return {
    hostname: one('hostname'),
    uid: Number(one('uid')),
    arch: one('arch'),
    cpus: Number(one('cpus')),
    memoryTotal: Math.floor(Number(one('memoryTotal')) / 1024),
    memoryAvailable: Math.floor(Number(one('memoryAvailable')) / 1024),
    distribution: one('distribution').split(/\s+/).filter((word) => word !== ''),
    codename: one('codename'),
    init: init === 'systemd' || init === 'openrc' ? init : 'none',
    cpuFlag: flag === 'vmx' || flag === 'svm' ? flag : undefined,
    kvmDevice: kvm === 'usable' || kvm === 'unusable' ? kvm : 'absent',
    kvmClosed: one('kvmClosed') === '1',
    programs: new Set(values.get('program')),
    ipForward: one('ipForward') === '1',
    vhostNet: one('vhostNet') === '1',
    free: new Map((values.get('free') ?? []).map((line) => {
      const [kib = '0', ...path] = line.split(' ')
      return [path.join(' '), Math.floor(Number(kib) / 1024)]
    })),
    addresses: (values.get('address') ?? []).map((line) => {
      const [name = '', cidr = ''] = line.split(' ')
      return { interface: name, cidr }
    }),
    interfaces: new Set(values.get('interface')),
    listening: new Set((values.get('listening') ?? []).map((local) => Number.parseInt(local.split(':')[1] ?? '', 16))),
  }
}

export type VirtType = 'kvm' | 'qemu'

/**
 * Decides between KVM and emulation. A /dev/kvm that opens proves nothing: on x86 a CPU without vmx or svm hangs
 * its guests early, whatever the device says (seen with the kvm-pvm module), so the flag decides there.
 *
 * @throws InputError `kvm-unavailable` when KVM is asked for by name and cannot work, with the reason.
 */
export function chooseVirtType(facts: HypervisorFacts, wanted: 'auto' | VirtType, host: string): { readonly type: VirtType; readonly reason: string } {
  if (wanted === 'qemu') return { type: 'qemu', reason: 'emulation was asked for' }
  const obstacle = kvmObstacle(facts)
  if (obstacle === undefined) return { type: 'kvm', reason: `KVM (${facts.cpuFlag ?? facts.arch})` }
  if (wanted === 'auto') return { type: 'qemu', reason: `${obstacle.why}, so machines are emulated` }
  throw new InputError('kvm-unavailable', `virt_type is kvm, but ${obstacle.why}`, { host, hint: `${obstacle.mend}, or set virt_type: auto to emulate where KVM does not work` })
}

/** Why KVM cannot work on a host, and what would mend it; undefined where it can. */
export function kvmObstacle(facts: HypervisorFacts): { readonly why: string; readonly mend: string } | undefined {
  const x86 = /^(x86_64|i.86)$/.test(facts.arch)
  if (x86 && facts.cpuFlag === undefined) {
    const device = facts.kvmDevice === 'absent' ? '' : ' (there is a /dev/kvm, but guests would hang on it)'
    return { why: `the CPU has neither vmx nor svm${device}`, mend: 'switch on VT-x or AMD-V in the firmware, or nested virtualisation on the outer host' }
  }
  if (facts.kvmDevice === 'absent') return { why: 'there is no /dev/kvm', mend: facts.cpuFlag === 'svm' ? 'modprobe kvm_amd' : x86 ? 'modprobe kvm_intel' : 'load the kvm module' }
  if (facts.kvmDevice === 'unusable') return { why: '/dev/kvm may not be opened by this user', mend: 'add the user to the group kvm' }
  return undefined
}
