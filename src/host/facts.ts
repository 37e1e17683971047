/** What a host is: one script, one round trip, once a connection. The answer is read by facts-parse.ts. */
import { bindHost } from './bind.ts'
import { parseFacts } from './facts-parse.ts'
import type { Connection, Host } from './types.ts'

/** Facts about a host. Sizes are in MiB. */
export interface Facts {
  readonly hostname: string
  /** As `uname -m` says: x86_64, aarch64, ppc64le, … */
  readonly architecture: string
  /** As `uname -r` says. */
  readonly kernel: string
  /**
   * From os-release: `ubuntu`, [`ubuntu`, `debian`], `24.04`, `noble`, `Ubuntu 24.04.1 LTS`. `like` begins with the distribution itself, so that
   * `like.includes('debian')` holds on Debian and on all that is made of it. What os-release does not say is empty.
   */
  readonly distribution: { readonly id: string; readonly like: readonly string[]; readonly version: string; readonly codename: string; readonly name: string }
  readonly packageManager: 'apt' | 'dnf' | 'pacman' | 'zypper' | 'apk' | undefined
  /** What runs as the init system at the moment; `none` in most containers. */
  readonly serviceManager: 'systemd' | 'openrc' | 'none'
  readonly cpus: number
  readonly memory: { readonly total: number; readonly available: number; readonly swap: number }
  /** Disks that hold something: no loop devices, no compressed memory, nothing that is put together of other disks. */
  readonly disks: readonly { readonly name: string; readonly size: number; readonly model: string; readonly rotational: boolean }[]
  readonly addresses: readonly { readonly interface: string; readonly family: 'ipv4' | 'ipv6'; readonly address: string; readonly prefix: number; readonly mac: string | undefined }[]
  /** The interface and gateway of the default route, where there is one. */
  readonly defaultRoute: { readonly interface: string; readonly gateway: string | undefined } | undefined
  /** `guest` of a hypervisor or container of that `type` (systemd-detect-virt's names), or `host` that can run guests itself, or neither. */
  readonly virtualization: { readonly role: 'guest' | 'host' | 'none'; readonly type: string | undefined; readonly kvm: boolean }
  /** The login user (not the one that tasks become). */
  readonly user: { readonly name: string; readonly uid: number; readonly home: string; readonly shell: string }
}

/** Many small files are printed by one grep, each line with its file's name: one process in place of dozens. */
const FILES = [
  '/proc/meminfo', '/proc/sys/kernel/hostname', '/sys/devices/system/cpu/online',
  '/sys/class/net/*/address', '/sys/block/*/size', '/sys/block/*/hidden', '/sys/block/*/device/model', '/sys/block/*/queue/rotational',
  '/sys/class/dmi/id/sys_vendor', '/sys/class/dmi/id/product_name', '/sys/hypervisor/type',
  '/sys/devices/system/clocksource/clocksource0/available_clocksource', '/proc/device-tree/model', '/proc/device-tree/hypervisor/compatible',
]

/**
 * Prints facts as lines: `key=value`, `/a/file:its line`, and what `ip` says as it says it. Works for any user, in any POSIX shell,
 * also where `ip`, systemd and os-release are missing. Nothing is read that only root may read, except the container's name.
 */
export const FACTS_SCRIPT = `
release=/etc/os-release; [ -r $release ] || release=/usr/lib/os-release
grep -Has '' "$release" ${FILES.join(' ')} || true
echo "uname=$(uname -nrm)"
who=$(id); echo "id=$who"; uid=\${who#uid=}; uid=\${uid%%[!0-9]*}
echo "home=\${HOME-}"; echo "shell=\${SHELL-}"
if [ -r /etc/passwd ]; then while IFS=: read -r name secret number group comment home shell; do [ "$number" != "$uid" ] || { echo "passwd=$home:$shell"; break; }; done </etc/passwd; fi
for program in apt-get dnf pacman zypper apk; do if command -v "$program" >/dev/null 2>&1; then echo "manager=$program"; fi; done
if [ -d /run/systemd/system ]; then echo init=systemd; elif [ -d /run/openrc ]; then echo init=openrc; fi
if [ ! -r /sys/devices/system/cpu/online ]; then echo "processors=$(grep -c '^processor' /proc/cpuinfo || true)"; fi
if [ -e /dev/kvm ]; then echo kvm=1; fi
if command -v systemd-detect-virt >/dev/null 2>&1; then echo "detected=$(systemd-detect-virt 2>/dev/null || true)"
else
  if [ -e /.dockerenv ]; then echo container=docker; fi
  if [ -e /run/.containerenv ]; then echo container=podman; fi
  if [ -r /run/systemd/container ]; then echo "container=$(cat /run/systemd/container)"; fi
  if [ -r /proc/1/environ ]; then { tr '\\000' '\\n' </proc/1/environ | while read -r line; do case $line in container=?*) echo "$line";; esac; done; } 2>/dev/null || true; fi
  while read -r key rest; do case $key in flags | Features) case " $rest " in *' hypervisor '*) echo hypervisor=1;; esac; break;; '') break;; esac; done </proc/cpuinfo
fi
if command -v ip >/dev/null 2>&1; then ip -o addr 2>/dev/null || true; for family in 4 6; do ip -$family route show default 2>/dev/null || true; done
else grep -Has '' /proc/net/route /proc/net/fib_trie /proc/net/if_inet6 /proc/net/ipv6_route || true; fi
`

const known = new WeakMap<Connection, Promise<Facts>>()

/**
 * Asks a host for its facts, once for each connection: who asks while another asks shares the answer, and a failure is not kept.
 * @throws what a command throws, e.g. UnreachableError
 */
export function factsOf(host: Host): Promise<Facts> {
  const { connection } = host
  const asked = known.get(connection) ?? ask(connection, host.name)
  if (!known.has(connection)) {
    known.set(connection, asked)
    asked.catch(() => known.delete(connection))
  }
  return asked
}

/** Asks as the login user, whoever the task becomes, and without the signal of the task that happens to ask first. */
async function ask(connection: Connection, name: string): Promise<Facts> {
  const recorder = { check: true, changed: () => undefined, output: () => undefined }
  const { query } = bindHost(connection, { name, recorder })
  return parseFacts(await query({ timeout: '60s' })`eval ${FACTS_SCRIPT}`.text())
}
