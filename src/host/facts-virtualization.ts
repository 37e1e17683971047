/** Whether a host is a guest, and of what. systemd-detect-virt knows best; where it is missing, what the firmware and the kernel say. */
import type { Answer } from './facts-parse.ts'
import type { Facts } from './facts.ts'

/** Makers' names in the firmware's tables (DMI), with systemd's word for what they make. A maker of machines, too, needs the product's name. */
const FIRMWARE: readonly (readonly [vendor: RegExp, product: RegExp, type: string])[] = [
  [/^QEMU/, /./, 'qemu'],
  [/./, /^KVM|^RHEV|^oVirt|^OpenStack/, 'kvm'],
  [/^Red Hat/, /Virt|RHEL/i, 'kvm'],
  [/^(?:OpenStack|DigitalOcean|Hetzner|Alibaba Cloud|UpCloud|Scaleway)/, /Droplet|vServer|ECS|Nova|Compute|Cloud|^SCW/, 'kvm'],
  [/^VMware/, /./, 'vmware'],
  [/^innotek/, /./, 'oracle'],
  [/./, /^VirtualBox/, 'oracle'],
  [/^Microsoft/, /^Virtual Machine/, 'microsoft'],
  [/^Xen/, /./, 'xen'],
  [/^Amazon EC2/, /^(?!.*\.metal)/, 'amazon'],
  [/^Google/, /^Google Compute Engine/, 'google'],
  [/^Parallels/, /./, 'parallels'],
  [/^BHYVE/, /./, 'bhyve'],
  [/^Apple/, /Virtual/, 'apple'],
  [/^Bochs/, /./, 'bochs'],
]

/** What the host is a guest of, and whether it can run guests itself. */
export function virtualizationOf(answer: Answer): Facts['virtualization'] {
  const kvm = answer.one('kvm') === '1'
  const type = guestType(answer)
  return { role: type !== undefined ? 'guest' : kvm ? 'host' : 'none', type, kvm }
}

function guestType({ one, file }: Answer): string | undefined {
  const detected = one('detected')
  if (detected !== '') return detected === 'none' ? undefined : detected
  const container = one('container')
  if (container !== '') return container
  if (/microsoft/i.test(one('uname').split(' ')[1] ?? '')) return 'wsl'
  const first = (path: string): string => (file(path)[0] ?? '').trim()
  // The clock that KVM offers its guests tells it from QEMU's emulation, which has the same firmware.
  const kvmClock = first('/sys/devices/system/clocksource/clocksource0/available_clocksource').split(' ').includes('kvm-clock')
  const [vendor, product] = [first('/sys/class/dmi/id/sys_vendor'), first('/sys/class/dmi/id/product_name')]
  const known = FIRMWARE.find(([maker, model]) => maker.test(vendor) && model.test(product))?.[2]
  if (known !== undefined) return known === 'qemu' && kvmClock ? 'kvm' : known
  if (kvmClock) return 'kvm'
  // Of the two kinds of Xen guests only the unprivileged kind has firmware that says so.
  const below = first('/sys/hypervisor/type')
  if (below !== '') return below
  const compatible = first('/proc/device-tree/hypervisor/compatible')
  if (compatible !== '') return compatible === 'linux,kvm' ? 'kvm' : compatible.startsWith('xen') ? 'xen' : 'vm-other'
  if (/emulated by qemu|^linux,dummy-virt/i.test(first('/proc/device-tree/model'))) return 'qemu'
  return one('hypervisor') === '1' ? 'vm-other' : undefined
}
