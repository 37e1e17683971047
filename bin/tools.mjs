// The programs and files that the tests use, and the Debian packages that bring them.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { say, stop } from './prepare.mjs'

const PACKAGES = {
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  libvirtd: 'libvirt-daemon-system',
  virtlogd: 'libvirt-daemon-system',
  virsh: 'libvirt-clients',
  'virt-xml-validate': 'libvirt-clients',
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-system-aarch64': 'qemu-system-arm',
  '/usr/share/AAVMF/AAVMF_CODE.fd': 'qemu-efi-aarch64',
  '/usr/share/OVMF/OVMF_CODE_4M.fd': 'ovmf',
  'qemu-aarch64-static': 'qemu-user-static',
  'update-binfmts': 'binfmt-support',
  'qemu-img': 'qemu-utils',
  dnsmasq: 'dnsmasq-base',
  iptables: 'iptables',
  ip: 'iproute2',
  mmdebstrap: 'mmdebstrap',
  'mkfs.ext4': 'e2fsprogs',
  'dpkg-scanpackages': 'dpkg-dev',
  'arch-test': 'arch-test',
  xmllint: 'libxml2-utils',
  xorriso: 'xorriso',
  curl: 'curl',
  wget: 'wget',
  sudo: 'sudo',
  doas: 'doas',
  tmux: 'tmux',
  flock: 'util-linux',
  nft: 'nftables',
  openssl: 'openssl',
  ping: 'iputils-ping',
  busybox: 'busybox-static',
  sfdisk: 'fdisk',
  unzip: 'unzip',
  bzip2: 'bzip2',
  xz: 'xz-utils',
  zstd: 'zstd',
}

/** Installs the packages of missing programs when that is possible without a question; else names them and ends. */
export function needTools() {
  const missing = Object.keys(PACKAGES).filter((program) => !isThere(program))
  if (missing.length > 0) install(missing)
  // Without an init system nobody tells the kernel after a start how programs of other architectures are run.
  if (!existsSync(FOREIGN) && spawnSync('update-binfmts', ['--enable'], { stdio: ['ignore', 2, 2] }).status !== 0) stop('programs of other architectures cannot be run here', 'sudo update-binfmts --enable')
}

/** What says that arm64's programs can be run. */
const FOREIGN = '/proc/sys/fs/binfmt_misc/qemu-aarch64'

function install(missing) {
  const packages = [...new Set(missing.map((program) => PACKAGES[program]))]
  const command = `apt-get install -y ${packages.join(' ')}`
  const become = process.getuid?.() === 0 ? [] : isThere('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined
  if (!isThere('apt-get') || become === undefined) stop(`the tests need programs that are not here: ${missing.join(', ')}`, isThere('apt-get') ? `sudo ${command}` : `install them; on Debian: ${command}`)
  say(`Installing ${packages.join(', ')} …`)
  const apt = (...args) => {
    const [program, ...words] = [...become, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-y', ...args]
    return spawnSync(program, words, { stdio: ['ignore', 2, 2] }).status === 0
  }
  if (!apt('update') || !apt('install', '--no-install-recommends', ...packages)) stop('apt-get could not install what the tests need', `sudo ${command}`)
  const still = missing.filter((program) => !isThere(program))
  if (still.length > 0) stop(`these programs are missing still: ${still.join(', ')}`)
}

/** Daemons stand in sbin directories, which a user's PATH may lack. */
function isThere(program) {
  if (program.startsWith('/')) return existsSync(program)
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
