/** A user's project on the lab's controller: the inventory and host_vars of a cluster of four winds on the host anemoi. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, type Lab } from '../lab/index.ts'
import { RELEASE } from '../lab/images.ts'

export const WINDS = ['boreas', 'zephyrus', 'notus', 'eurus'] as const

/** A value as YAML writes it; text is given as it shall stand in the file. */
export type Values = Readonly<Record<string, string | number | boolean | undefined>>

export interface ProjectOptions {
  readonly lab: Lab
  /** Of the image server, without a slash at the end. */
  readonly url: string
  /** Machines of the cluster; all four winds unless told otherwise. */
  readonly machines?: readonly string[] | undefined
  /** In place of, or beside, the usual values; undefined leaves a variable out. */
  readonly vars?: Values | undefined
}

export class Project {
  readonly dir: string
  readonly inventory: string
  readonly hostVars: string
  readonly #options: ProjectOptions

  private constructor(options: ProjectOptions, dir: string) {
    this.#options = options
    this.dir = dir
    this.inventory = join(dir, 'inventory/hosts.ini')
    this.hostVars = join(dir, 'inventory/host_vars/anemoi.yml')
  }

  /** Writes the project, with a key pair and a CA certificate in the controller's home. */
  static async create(options: ProjectOptions, name = 'project'): Promise<Project> {
    const { lab } = options
    const project = new Project(options, join(lab.dir, name))
    mkdirSync(join(project.dir, 'inventory/host_vars'), { recursive: true })
    const host = lab.hosts[0]
    writeFileSync(project.inventory, `[vmhost]\nanemoi ansible_host=${host?.address ?? '127.0.0.1'} ansible_user=root\n`)
    await makeKeys(lab.home)
    project.write()
    return project
  }

  /** Writes host_vars anew, with other machines or values than the project has. */
  write({ machines = this.#options.machines ?? WINDS, vars = {} }: { machines?: readonly string[]; vars?: Values } = {}): void {
    const values: Values = { ...usual(this.#options.url), ...this.#options.vars, ...vars }
    const named = machines.length === 0 ? 'vm_cluster_vms: []\n\nvm_cluster_ips: []\n' : machinesText(machines)
    const rest = Object.entries(values).map(([key, value]) => (value === undefined ? '' : `${key}: ${value}\n`))
    writeFileSync(this.hostVars, `${named}\n${rest.join('')}`)
  }

  /** Replaces text in host_vars as a user's editor does. */
  edit(from: string, to: string): void {
    const text = readFileSync(this.hostVars, 'utf8')
    if (!text.includes(from)) throw new Error(`${this.hostVars} has no "${from}"`)
    writeFileSync(this.hostVars, text.replace(from, () => to))
  }

  /** The line, counted from 1, of the first place that has `text`. */
  lineOf(text: string): number {
    const index = readFileSync(this.hostVars, 'utf8').split('\n').findIndex((line) => line.includes(text))
    if (index < 0) throw new Error(`${this.hostVars} has no "${text}"`)
    return index + 1
  }
}

function machinesText(machines: readonly string[]): string {
  const names = machines.map((name) => `  - ${name}\n`).join('')
  const addresses = machines.map((name, index) => `  - name: ${name}\n    ip: 172.17.2.${index + 2}\n`).join('')
  return `vm_cluster_vms:\n${names}\nvm_cluster_ips:\n${addresses}`
}

function usual(url: string): Values {
  return {
    vmhost_cluster_name: 'anemoi',
    vmhost_iface_name: 'eno1',
    vmhost_bridge_iface: 'kvmbr0',
    vmhost_ip_addr: '172.17.1.4/24',
    vmhost_net: '10.77.0.0/24',
    vmhost_route_addr: '172.17.1.1',
    vm_cluster_bridge_net: '172.17.2.0/24',
    vm_cluster_bridge_ip: '172.17.2.1',
    vm_cluster_bridge_mask: '255.255.255.0',
    vm_cluster_bridge_dhcp_start: '172.17.2.2',
    vm_cluster_bridge_dhcp_end: '172.17.2.254',
    vm_diskspace: '3G',
    vm_mem: 384,
    vm_cpus: 1,
    ssh_pub_key: '~/.ssh/anemoi_rsa.pub',
    domain_ca_cert: '~/ca.crt',
    qemu_package: 'qemu-system-x86',
    qemu_img_package: 'qemu-utils',
    libvirt_package: 'libvirt-daemon-system',
    dnsmasq_package: 'dnsmasq-base',
    libvirtd_service: 'libvirtd',
    vm_img_baseurl: `${url}/images/cloud/bullseye/`,
    vm_img_release_date: RELEASE,
    vm_img_fmt: 'qcow2',
    vm_img_name: '"debian-11-generic-amd64-{{ vm_img_release_date }}.{{ vm_img_fmt }}"',
    vm_download_url: '"{{ vm_img_baseurl }}/{{ vm_img_release_date }}/{{ vm_img_name }}"',
    vm_img_checksum_name: 'SHA512SUMS',
    vm_img_checksum_url: '"{{ vm_img_baseurl }}/{{ vm_img_release_date }}/{{ vm_img_checksum_name }}"',
    vm_kernel_name: 'vmlinuz',
    vm_initrd_name: 'initrd.img',
    vm_cluster_pool: '"{{ vmhost_cluster_name }}-pool"',
    vm_working_dir: '/tmp/vm_imgs/',
    vm_pool_dir: '"/var/lib/libvirt/images/{{ vmhost_cluster_name }}"',
    vm_boot_timeout: 240,
  }
}

async function makeKeys(home: string): Promise<void> {
  const script = `
    [ -f .ssh/anemoi_rsa ] || ssh-keygen -q -t rsa -b 2048 -N '' -C anemoi -f .ssh/anemoi_rsa
    [ -f ca.crt ] || openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj '/CN=Four Winds CA' 2>/dev/null
  `
  await must(['sh', '-euc', script], { cwd: home })
}
