/** The fields of definition files, one by one; what they mean together is complete.ts's affair. */
import { isIP } from 'node:net'
import { z } from 'zod'
import { parseSize } from '../../size.ts'

/** Above that libvirt's file names become too long. */
const LONGEST_NAME = 100
const RESERVED = ['all', 'ungrouped', 'localhost']

const machineName = z
  .string()
  .refine((name) => !/\s/.test(name), { message: 'a name without blanks; debian_12_amd64 for example' })
  .refine((name) => /\s/.test(name) || /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/.test(name), { message: 'a name of letters, digits, "_", ".", "+" and "-" that begins with a letter, a digit or "_": it names files too' })
  .refine((name) => !/^\d+$/.test(name), { message: 'a name that is no number: libvirt takes a number for the ID of a running machine' })
  .refine((name) => name.length <= LONGEST_NAME, { message: `a name of at most ${LONGEST_NAME} characters` })
  .refine((name) => !RESERVED.includes(name), { message: 'another name: this one has a meaning in inventories' })

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const hostname = z.string().max(253).regex(new RegExp(`^${LABEL}(?:\\.${LABEL})*$`, 'i'), { message: 'a host name: letters, digits and inner hyphens, at most 63 between two dots (RFC 1123)' })

/** `4G`, `512M`, or a number of bytes. */
const bytes = z.union([z.string(), z.number()]).transform((value, context) => {
  const size = parseSize(String(value))
  if (size !== undefined && size > 0 && Number.isSafeInteger(size)) return size
  context.addIssue({ code: 'custom', message: 'a size such as 10G, 512M or a number of bytes' })
  return z.NEVER
})
/** A number of MiB, or a size with its unit. */
const memory = z.union([z.string(), z.number()]).transform((value, context) => {
  const plain = /^\d+$/.test(String(value).trim())
  const size = plain ? Number(value) : (parseSize(String(value)) ?? NaN) / 2 ** 20
  // The kernel of no architecture starts with less, and a typing error such as 20481024 is no machine.
  if (Number.isSafeInteger(size) && size >= 16 && size <= 2 ** 26) return size
  context.addIssue({ code: 'custom', message: 'memory as a whole number of MiB, at least 16, or a size such as 2G' })
  return z.NEVER
})

/** All that libvirt knows by name (src/util/virarch.c). */
const ARCHITECTURES = new Set(
  'alpha armv6l armv7l armv7b aarch64 cris i686 ia64 lm32 loongarch64 m68k microblaze microblazeel mips mipsel mips64 mips64el openrisc parisc parisc64 ppc ppc64 ppc64le ppcemb riscv32 riscv64 s390 s390x sh4 sh4eb sparc sparc64 unicore32 x86_64 xtensa xtensaeb'.split(' '),
)
const arch = z.string().refine((name) => ARCHITECTURES.has(name), { message: "libvirt's name of an architecture: x86_64, aarch64, armv7l, ppc64le, riscv64, s390x, …" })

const hostPath = z.string().regex(/^\/[^\u0000-\u001f]*$/, { message: 'an absolute path on the hypervisor' })
const word = z.string().regex(/^[\w.+:-]+$/, { message: 'a name as QEMU or libvirt knows it' })
const seconds = z.number().int().min(1).max(86_400).meta({ unit: 'seconds' })
const port = z.number().int().min(1).max(65_535)
const ip = z.string().refine((text) => isIP(text.replace(/\/\d+$/, '')) > 0 || text === 'localhost', { message: 'an address, e.g. 10.0.0.21' })
const cpu = z.union([word, z.strictObject({ kvm: word.optional(), qemu: word.optional() })])

const disk = z.strictObject({
  device: z.string().regex(/^[vs]d[a-z]{1,2}$/, { message: 'a device as guests name it: vda, vdb, or sda on other buses' }).optional(),
  format: z.enum(['qcow2', 'raw']).optional(),
  size: bytes.optional(),
  bus: z.enum(['virtio', 'scsi', 'sata', 'usb']).optional(),
  readonly: z.boolean().default(false),
  snapshot: z.boolean().optional(),
  file: hostPath.optional(),
})

const forward = z.union([
  z.number().int().min(1).max(65_535),
  z.string(),
  z.strictObject({ host: port.optional(), guest: port, protocol: z.enum(['tcp', 'udp']).default('tcp'), address: z.string().refine((text) => isIP(text) > 0, { message: 'an address of the hypervisor' }).default('127.0.0.1') }),
])

const networkInterface = z.strictObject({
  type: z.enum(['user', 'network', 'bridge', 'vde']).default('user'),
  source: z.string().regex(/^[^\u0000-\u001f]+$/, { message: 'a name or an address in one line' }).optional(),
  mac: z.string().regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i, { message: 'the address of one interface, e.g. 52:54:00:12:34:56' }).transform((text) => text.toLowerCase()).optional(),
  ip: ip.optional(),
  prefix: z.number().int().min(0).max(128).optional(),
  mask: z.union([z.string(), z.number()]).optional(),
  gateway: z.string().refine((text) => isIP(text) > 0, { message: 'an address, e.g. 10.0.0.254' }).optional(),
  forwards: z.array(forward).default([]),
  model: word.default('virtio'),
})

/** The fields of a definition, as files write them; `params`, `extends` and `require` are read before. */
export const definitionSchema = z.strictObject({
  name: machineName.optional().describe('Name in the inventory, in libvirt and in `farm ssh`; `<platform>_<target>` when left out'),
  hostname: hostname.optional().describe('Host name of the guest; made of `name` when left out'),
  arch: arch.describe('Architecture as libvirt names it'),
  virt_type: z.enum(['auto', 'kvm', 'qemu']).default('auto').describe('kvm, qemu (emulation), or auto: kvm where it works'),
  emulator: hostPath.optional().describe('Emulator on the hypervisor; the one that libvirt knows for the architecture when left out'),
  machine: word.describe('Machine type: q35, virt, pseries, s390-ccw-virtio, or a versioned name'),
  cpu: cpu.optional().describe('CPU model, or host-model, host-passthrough, maximum; a map of kvm and qemu when they differ'),
  vcpus: z.number().int().min(1).max(512).default(1).describe('Virtual CPUs'),
  memory: memory.describe('Memory in MiB, or a size such as 2G'),
  firmware: z.union([z.enum(['default', 'efi']), hostPath, z.strictObject({ loader: hostPath, nvram: hostPath.optional() })]).default('default').describe('default, efi, a file on the hypervisor, or a map of loader and nvram'),
  cmdline: z.string().regex(/^[^\u0000-\u001f]*$/, { message: 'one line' }).optional().describe('Kernel command line, for images with a kernel of their own'),
  disks: z.array(disk).min(1).default([{ readonly: false }]).describe('Disks; the first is made from the image'),
  net: networkInterface.optional().describe('The only network interface'),
  interfaces: z.array(networkInterface).min(1).optional().describe('Network interfaces, when there are several'),
  image: z.array(z.unknown()).default([]).describe('Pipeline of steps that makes the image of the first disk'),
  login: z.strictObject({ user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/i, { message: 'the name of a user' }).default('root'), key: z.string().min(1).optional() }).default({ user: 'root' }).describe('Who logs in, and with which private key on the controller; farm has a pair of its own when left out'),
  boot_timeout: seconds.optional().describe('Seconds until a login has to work; by architecture and virtualisation when left out'),
  shutdown_timeout: seconds.default(60).describe('Seconds for the guest to power off before its power is cut'),
  snapshot_type: z.enum(['auto', 'internal', 'external']).default('auto').describe('Kind of snapshots'),
  template: z.string().regex(/^[A-Za-z0-9_][\w.-]*$/, { message: "a template's name, without .xml.hbs" }).default('domain').describe('Template of the domain document'),
  extra: z.record(z.string(), z.unknown()).default({}).describe('Anything else, for templates and phases'),
})

/** A definition's fields, each of the right type. */
export type DefinitionFields = z.output<typeof definitionSchema>
export type DiskFields = z.output<typeof disk>
export type InterfaceFields = z.output<typeof networkInterface>
export type ForwardFields = z.output<typeof forward>
