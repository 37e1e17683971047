/** Guests of a few megabytes that boot within seconds and count aloud on their console: what has memory can be told by the number. */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { bindHost, type Connection, type Host, type HostSpec, type RemoteProcess } from '../../src/host/index.ts'
import { farmUuid, Hypervisor } from '../../src/hypervisor/index.ts'
import { guestImage } from '../lab/images.ts'
import type { LabHost } from '../lab/index.ts'

/** Where the guests' files lie on their host. */
export const POOL = '/var/lib/libvirt/images/tiny'

const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc; /bin/busybox mount -t proc proc /proc
n=0
while :; do echo "tick $n" >/dev/console; n=$((n + 1)); /bin/busybox sleep 0.2; done
`

/** A cpio archive in the format that the kernel unpacks. */
function cpio(files: Readonly<Record<string, { readonly mode: number; readonly content: Buffer }>>): Buffer {
  const parts: Buffer[] = []
  const pad = (length: number): Buffer => Buffer.alloc((4 - (length % 4)) % 4)
  for (const [index, [name, { mode, content }]] of [...Object.entries(files), ['TRAILER!!!', { mode: 0, content: Buffer.alloc(0) }] as const].entries()) {
    const numbers = [index + 1, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0]
    const head = Buffer.from(`070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}${name}\0`)
    parts.push(head, pad(head.length), content, pad(content.length))
  }
  return Buffer.concat(parts)
}

/** Prepares a host for tiny guests; needs an image in the test cache, whose kernel they take. */
export async function prepareTiny(host: LabHost): Promise<void> {
  const { kernel } = await guestImage()
  mkdirSync(host.path(POOL), { recursive: true, mode: 0o711 })
  writeFileSync(host.path(`${POOL}/kernel`), readFileSync(kernel))
  const directory = { mode: 0o40755, content: Buffer.alloc(0) }
  writeFileSync(host.path(`${POOL}/initrd`), cpio({ bin: directory, 'bin/busybox': { mode: 0o100755, content: readFileSync('/usr/bin/busybox') }, init: { mode: 0o100755, content: Buffer.from(INIT) } }))
}

/** A disk of a tiny guest. */
export interface TinyDisk {
  readonly device: string
  readonly file: string
  readonly format?: string
  readonly readonly?: boolean
  /** False: `snapshot='no'`. */
  readonly snapshot?: boolean
}

export interface TinyOptions {
  readonly disks: readonly TinyDisk[]
  /** More of `<os>`, as XML. */
  readonly os?: string
  /** What boots in place of the tiny guest; paths on the host. */
  readonly boot?: { readonly kernel: string; readonly initrd: string; readonly cmdline: string }
  /** MiB. */
  readonly memory?: number
  /** More devices, as XML. */
  readonly devices?: string
}

const TINY = { kernel: `${POOL}/kernel`, initrd: `${POOL}/initrd`, cmdline: 'console=ttyS0 quiet' }

/** The document of a tiny guest. */
export function tinyDomain(name: string, { disks, os = '', boot = TINY, memory = 96, devices = '' }: TinyOptions): string {
  const uuid = farmUuid('tiny', name)
  const rows = disks.map(({ device, file, format = 'qcow2', readonly = false, snapshot = true }) =>
    `<disk type='file' device='disk'${snapshot ? '' : ` snapshot='no'`}><driver name='qemu' type='${format}'/><source file='${file}'/><target dev='${device}' bus='virtio'/>${readonly ? '<readonly/>' : ''}</disk>`)
  return `<domain type='qemu'><name>${name}</name><uuid>${uuid}</uuid>
<metadata><farm:machine xmlns:farm='urn:farm:1' uuid='${uuid}' cluster='tiny'/></metadata><memory unit='MiB'>${memory}</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type>${os}<kernel>${boot.kernel}</kernel><initrd>${boot.initrd}</initrd><cmdline>${boot.cmdline}</cmdline></os>
<features><acpi/><apic/></features><on_poweroff>destroy</on_poweroff>
<devices>${rows.join('')}<serial type='pty'><log file='${consoleOf(name)}' append='on'/><target port='0'/></serial>${devices}</devices></domain>`
}

/** The log of a guest's console on its host. */
export function consoleOf(name: string): string {
  return `${POOL}/${name}.log`
}

/** The highest number that a guest has counted to; -1 before the first. */
export function ticks(host: LabHost, name: string): number {
  return Number(/.*tick (\d+)\r?\n/s.exec(readFileSync(host.path(consoleOf(name)), 'utf8'))?.[1] ?? -1)
}

/** The lab's host as farm's code sees one, without SSH in between. */
export function hypervisorOf(lab: LabHost, wrap: (host: Host) => Host = (host) => host): Hypervisor {
  const start = (command: string): RemoteProcess => {
    const [file = '', ...args] = lab.enter(command)
    const child = spawn(file, args, { stdio: 'pipe' })
    child.stdin.on('error', () => undefined)
    return child as RemoteProcess
  }
  const spec: HostSpec = { name: lab.name, connection: 'local' }
  const none = (): never => {
    throw new Error('not for tests')
  }
  const connection: Connection = { spec, spawn: start, dial: none, interactive: none, close: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() }
  return new Hypervisor(wrap(bindHost(connection, { recorder: { check: false, changed: () => undefined, output: () => undefined } })), 'qemu:///system')
}
