/**
 * The variables of a cluster: their names and meanings are those of the playbook that provision-cluster replaces,
 * and what that playbook hard-codes is a variable here.
 */
import { posix } from 'node:path'
import { z } from 'zod'
import { parseSize } from '../size.ts'

const size = z.union([z.string(), z.number()]).transform(String).refine((text) => (parseSize(text) ?? 0) > 0, { message: 'a size such as 35G, 512M or a number of bytes' })
const path = z.string().min(1)
/** A directory on the hypervisor, without doubled or trailing slashes. */
export const hostDirectory = z.string().regex(/^\/[^\u0000-\u001f]*$/, { message: 'an absolute path on the hypervisor' }).transform((text) => posix.normalize(text).replace(/(.)\/$/, '$1'))
const ipv4 = z.ipv4()
const cidr = z.cidrv4()

/** A name that can be a host name, a file name and a libvirt name at once (RFC 1123). */
const machineName = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i, {
  message: 'a machine is named by letters, digits and inner hyphens, 63 at most, since the name becomes its host name',
}).regex(/[^\d]/, { message: 'a machine cannot be named by a number alone, which libvirt takes for the ID of a running machine' })
export const objectName = z.string().regex(/^[A-Za-z0-9][\w.-]{0,62}$/, { message: 'letters, digits, "_", "." and "-", beginning with a letter or digit' })
const interfaceName = z.string().regex(/^[\w.-]{1,15}$/, { message: 'an interface name of 1 to 15 letters, digits, "_", "." or "-"' })

/** The variables of provision-cluster. */
export const clusterVars = z.object({
  vmhost_cluster_name: objectName.default('farm').describe('Name of the cluster: names its network, its pool and its directories'),
  vmhost_iface_name: interfaceName.optional().describe('Interface of the hypervisor that faces the outside; needed for forward and masquerade rules'),
  vmhost_bridge_iface: interfaceName.default('kvmbr0').describe('Bridge of the cluster network'),
  vmhost_ip_addr: z.string().optional().describe('Address of the hypervisor; accepted for documentation, farm does not move addresses'),
  vmhost_net: cidr.optional().describe('Network on the outside from which machines may be reached'),
  vmhost_route_addr: z.string().optional().describe('Gateway of the hypervisor; accepted for documentation'),

  vm_cluster_vms: z.array(machineName).describe('Names of the machines; each becomes a host name'),
  vm_cluster_ips: z.array(z.object({ name: z.string(), ip: ipv4 })).default([]).describe('Fixed addresses: a list of { name, ip }'),
  vm_mem: z.number().int().min(64).meta({ unit: 'MiB' }).default(1024).describe('Memory of each machine'),
  vm_cpus: z.number().int().min(1).max(512).default(1).describe('Virtual CPUs of each machine'),
  vm_diskspace: size.meta({ unit: 'bytes, or with K, M, G, T' }).default('10G').describe('Size of each disk as the guest sees it; it grows on the hypervisor only as it is written'),

  vm_network_mode: z.enum(['nat', 'route', 'user']).default('nat').describe('nat: behind the hypervisor; route: routed, visible to the outside; user: no bridge, SSH forwarded to 127.0.0.1'),
  vm_cluster_bridge_net: cidr.default('172.17.2.0/24').describe('Subnet of the cluster network'),
  vm_cluster_bridge_ip: ipv4.default('172.17.2.1').describe('Address of the hypervisor in the cluster network'),
  vm_cluster_bridge_mask: ipv4.default('255.255.255.0').describe('Netmask of the cluster network'),
  vm_cluster_bridge_dhcp_start: ipv4.optional().describe('First address given by DHCP; the first of the subnet after the bridge when left out'),
  vm_cluster_bridge_dhcp_end: ipv4.optional().describe('Last address given by DHCP; the last of the subnet when left out'),
  vm_bridge_stp: z.boolean().default(false).describe('Spanning tree on the bridge; it costs one to two seconds a boot'),
  vm_domain: z.string().optional().describe('DNS domain of the machines'),
  vm_nameservers: z.array(ipv4).optional().describe('Name servers of the machines; the network\'s own when left out'),

  ssh_pub_key: path.optional().describe('Public key on the controller that may log in as root; farm makes a pair of its own when left out'),
  domain_ca_cert: path.optional().describe('CA certificate on the controller that the machines shall trust'),
  vm_python: z.boolean().default(false).describe('Install python3 in the machines; farm does not need it'),

  vm_download_url: z.string().optional().describe('Image to download; an image is built when left out'),
  vm_img_name: z.string().optional().describe('File name under which the checksum file lists the image; the last part of vm_download_url when left out'),
  vm_img_baseurl: z.string().optional().describe('Used by templates in vm_download_url'),
  vm_img_release_date: z.union([z.string(), z.number()]).optional().describe('Used by templates in vm_download_url'),
  vm_img_fmt: z.enum(['qcow2', 'raw']).default('qcow2').describe('Format of the image, for templates in other variables; farm looks at the file itself'),
  vm_img_checksum_url: z.string().optional().describe('Checksum file (SHA256SUMS, SHA512SUMS) that lists the image'),
  vm_img_checksum_name: z.string().optional().describe('Used by templates in vm_img_checksum_url'),
  vm_img_checksum: z.string().optional().describe('Checksum itself in place of a file: sha256:… or sha512:…, or "none" to trust the download'),
  vm_kernel_url: z.string().optional().describe('Kernel to boot directly, verified by the same checksum file'),
  vm_initrd_url: z.string().optional().describe('Initial RAM disk that goes with vm_kernel_url'),
  vm_kernel_name: z.string().optional().describe('Kernel beside the image: short for a vm_kernel_url in the same directory'),
  vm_initrd_name: z.string().optional().describe('Initial RAM disk beside the image'),
  vm_kernel_cmdline: z.string().optional().describe('Kernel command line for direct boot'),
  vm_image_seed: z.enum(['auto', 'cloud-init', 'farm']).default('auto').describe('How the image learns its host name and keys: by cloud-init, or by the service in images that farm built (auto: farm with a kernel of its own, else cloud-init)'),
  vm_image_suite: z.string().optional().describe('Debian release to build when no image is given; the hypervisor\'s own when left out'),
  vm_image_packages: z.array(z.string()).default([]).describe('More Debian packages for an image that is built'),
  vm_image_cache: hostDirectory.default('/var/lib/farm/images').describe('Directory on the hypervisor that keeps verified images'),

  vm_cluster_pool: objectName.optional().describe('Storage pool of the disks; <cluster>-pool when left out'),
  vm_pool_dir: hostDirectory.optional().describe('Directory of the pool on the hypervisor; /var/lib/libvirt/images/<cluster> when left out'),
  vm_working_dir: hostDirectory.default('/tmp/vm_imgs').describe('Directory on the hypervisor for downloads under way'),
  vm_console_dir: hostDirectory.default('/var/log/farm').describe('Directory on the hypervisor for the logs of serial consoles'),

  virt_type: z.enum(['auto', 'kvm', 'qemu']).default('auto').describe('kvm, qemu (emulation), or auto: kvm where it works'),
  vm_machine_type: z.string().optional().describe('Machine type as QEMU names it; q35 on x86, virt on arm64 when left out'),
  vm_cpu_model: z.string().optional().describe('CPU: host-model, host-passthrough, maximum or a model\'s name; host-model with kvm, QEMU\'s default when emulated'),
  libvirt_uri: z.string().default('qemu:///system').describe('Which libvirt: qemu:///system or qemu:///session'),
  firewall_backend: z.enum(['auto', 'iptables', 'nftables']).default('auto').describe('libvirt\'s firewall backend (10.4 and newer); auto leaves libvirt\'s choice'),

  vm_boot_timeout: z.number().int().min(1).meta({ unit: 'seconds' }).optional().describe('How long to wait for a login; 120 with kvm, 600 when emulated'),
  vm_drift: z.enum(['next-boot', 'restart']).default('next-boot').describe('When a running machine differs from what is wanted: change its definition for its next boot, or restart it now'),
  vm_memory_overcommit: z.boolean().default(false).describe('Start machines although their memory exceeds what is free'),
  vm_disk_overcommit: z.boolean().default(true).describe('Allow disks that together may outgrow the free space; they are thin'),

  libvirt_package: z.string().optional().describe('Package of libvirt\'s daemon; the distribution\'s own name when left out'),
  qemu_package: z.string().optional().describe('Package of the emulator'),
  qemu_img_package: z.string().optional().describe('Package of qemu-img'),
  dnsmasq_package: z.string().optional().describe('Package of dnsmasq'),
  libvirtd_service: z.string().optional().describe('Service of libvirt\'s daemon; found by itself when left out'),
})

/** The checked variables of a cluster on one hypervisor. */
export type ClusterVars = z.output<typeof clusterVars>

/** The variables of unprovision-cluster: those that say which cluster, and what to do with the cache. */
export const unprovisionVars = clusterVars.partial({ vm_cluster_vms: true }).extend({
  vm_purge_image_cache: z.boolean().default(false).describe('Also remove verified images that no machine uses any more'),
})

export type UnprovisionVars = z.output<typeof unprovisionVars>
