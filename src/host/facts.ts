/** What a host is: one script, one round trip, once a connection. */
import type { Host } from './types.ts'

/** Facts about a host. Sizes are in MiB. */
export interface Facts {
  readonly hostname: string
  /** As `uname -m` says: x86_64, aarch64, ppc64le, … */
  readonly architecture: string
  /** As `uname -r` says. */
  readonly kernel: string
  /** From os-release: `debian`, [`debian` or what it is like], `12`, `bookworm`, `Debian GNU/Linux 12 (bookworm)`. */
  readonly distribution: { readonly id: string; readonly like: readonly string[]; readonly version: string; readonly codename: string; readonly name: string }
  readonly packageManager: 'apt' | 'dnf' | 'pacman' | 'zypper' | 'apk' | undefined
  readonly serviceManager: 'systemd' | 'openrc' | 'none'
  readonly cpus: number
  readonly memory: { readonly total: number; readonly available: number; readonly swap: number }
  readonly disks: readonly { readonly name: string; readonly size: number; readonly model: string; readonly rotational: boolean }[]
  readonly addresses: readonly { readonly interface: string; readonly family: 'ipv4' | 'ipv6'; readonly address: string; readonly prefix: number; readonly mac: string | undefined }[]
  /** The interface and gateway of the default route, where there is one. */
  readonly defaultRoute: { readonly interface: string; readonly gateway: string | undefined } | undefined
  /** `guest` of a hypervisor or container of that `type`, or `host` that can run guests itself, or neither. */
  readonly virtualization: { readonly role: 'guest' | 'host' | 'none'; readonly type: string | undefined; readonly kvm: boolean }
  /** The login user (not the one that tasks become). */
  readonly user: { readonly name: string; readonly uid: number; readonly home: string; readonly shell: string }
}

/** Asks a host for its facts, once for each connection. */
export async function factsOf(host: Host): Promise<Facts> {
  throw new Error(`not yet: ${host.name}`)
}
