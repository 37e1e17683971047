import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { bindHost, connect, factsOf, type Connection } from '../../../src/host/index.ts'
import { FACTS_SCRIPT } from '../../../src/host/facts.ts'
import { parseFacts } from '../../../src/host/facts-parse.ts'
import { Rig } from './rig.ts'

/** A file as grep prints it. */
const file = (path: string, content: string): string => content.split('\n').map((line) => `${path}:${line}`).join('\n')
const answer = (...parts: string[]): string => `${parts.join('\n')}\n`

const DEBIAN = answer(
  file('/etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\nHOME_URL="https://www.debian.org/"'),
  file('/proc/meminfo', 'MemTotal:       24684460 kB\nMemFree:        17563412 kB\nMemAvailable:   24093528 kB\nBuffers:            8912 kB\nCached:          6470412 kB\nSwapTotal:       1048572 kB\nHugePages_Total:       0'),
  file('/proc/sys/kernel/hostname', 'boreas'),
  file('/sys/devices/system/cpu/online', '0-3,8'),
  file('/sys/class/net/eth0/address', '52:54:00:00:00:01'),
  file('/sys/class/net/lo/address', '00:00:00:00:00:00'),
  file('/sys/block/loop0/size', '0'),
  file('/sys/block/vda/size', '536870912'),
  file('/sys/block/zram0/size', '2097152'),
  file('/sys/block/nvme0n1/size', '1000215216'),
  file('/sys/block/nvme0c0n1/size', '1000215216'),
  file('/sys/block/nvme0c0n1/hidden', '1'),
  file('/sys/block/nvme0n1/device/model', 'SAMSUNG MZVL2512HCJQ-00B00              '),
  file('/sys/block/vda/queue/rotational', '1'),
  file('/sys/block/nvme0n1/queue/rotational', '0'),
  'uname=boreas 6.1.0-13-amd64 x86_64',
  'id=uid=1000(admin) gid=1000(admin) groups=1000(admin),27(sudo)',
  'home=/wrong',
  'shell=/bin/sh',
  'passwd=/home/admin:/bin/bash',
  'manager=apt-get',
  'manager=dnf',
  'init=systemd',
  'kvm=1',
  'detected=none',
  '1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever',
  '2: eth0    inet 192.0.2.2/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever preferred_lft forever',
  '2: eth0    inet6 fd00::2/64 scope global nodad \\       valid_lft forever preferred_lft forever',
  '5: tun0    inet 10.8.0.2 peer 10.8.0.1/32 scope global tun0\\       valid_lft forever preferred_lft forever',
  'default via 192.0.2.1 dev eth0 proto dhcp src 192.0.2.2 metric 100 ',
  'default via fd00::1 dev eth0 metric 1024 pref medium',
)

test('the facts of a Debian hypervisor', () => {
  assert.deepEqual(parseFacts(DEBIAN), {
    hostname: 'boreas',
    architecture: 'x86_64',
    kernel: '6.1.0-13-amd64',
    distribution: { id: 'debian', like: ['debian'], version: '12', codename: 'bookworm', name: 'Debian GNU/Linux 12 (bookworm)' },
    packageManager: 'apt',
    serviceManager: 'systemd',
    cpus: 5,
    memory: { total: 24105, available: 23528, swap: 1023 },
    disks: [
      { name: 'vda', size: 262144, model: '', rotational: true },
      { name: 'nvme0n1', size: 488386, model: 'SAMSUNG MZVL2512HCJQ-00B00', rotational: false },
    ],
    addresses: [
      { interface: 'lo', family: 'ipv4', address: '127.0.0.1', prefix: 8, mac: undefined },
      { interface: 'eth0', family: 'ipv4', address: '192.0.2.2', prefix: 24, mac: '52:54:00:00:00:01' },
      { interface: 'eth0', family: 'ipv6', address: 'fd00::2', prefix: 64, mac: '52:54:00:00:00:01' },
      { interface: 'tun0', family: 'ipv4', address: '10.8.0.2', prefix: 32, mac: undefined },
    ],
    defaultRoute: { interface: 'eth0', gateway: '192.0.2.1' },
    virtualization: { role: 'host', type: undefined, kvm: true },
    user: { name: 'admin', uid: 1000, home: '/home/admin', shell: '/bin/bash' },
  })
})

const release = (text: string): string => file('/etc/os-release', text)

test('a distribution is like itself and like what it is made of, and its own package manager wins', () => {
  const of = (text: string, ...managers: string[]): unknown[] => {
    const { distribution, packageManager } = parseFacts(answer(release(text), ...managers.map((name) => `manager=${name}`)))
    return [distribution.id, distribution.like, distribution.version, distribution.codename, packageManager]
  }
  assert.deepEqual(of('NAME="Fedora Linux"\nID=fedora\nVERSION_ID=40\nVERSION_CODENAME=""', 'apt-get', 'dnf'), ['fedora', ['fedora'], '40', '', 'dnf'])
  assert.deepEqual(of('ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.3"', 'dnf'), ['almalinux', ['almalinux', 'rhel', 'centos', 'fedora'], '9.3', '', 'dnf'])
  assert.deepEqual(of('NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling', 'pacman'), ['arch', ['arch'], '', '', 'pacman'])
  assert.deepEqual(of('ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.5"', 'apt-get', 'zypper'), ['opensuse-leap', ['opensuse-leap', 'suse', 'opensuse'], '15.5', '', 'zypper'])
  assert.deepEqual(of('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nUBUNTU_CODENAME=noble', 'apt-get'), ['ubuntu', ['ubuntu', 'debian'], '24.04', 'noble', 'apt'])
  assert.deepEqual(of("ID='odd'\nPRETTY_NAME='a \"b\"'"), ['odd', ['odd'], '', '', undefined])
})

test('an Alpine container without ip is read from the tables of the kernel', () => {
  const facts = parseFacts(
    answer(
      release('NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME="Alpine Linux v3.19"'),
      file('/proc/meminfo', 'MemTotal:        2048000 kB\nMemFree:          512000 kB\nBuffers:          102400 kB\nCached:           409600 kB'),
      file('/sys/class/net/eth0/address', '02:42:ac:11:00:02'),
      'uname=3f2a 6.6.1-lts x86_64', 'id=uid=0(root) gid=0(root)', 'home=/root', 'shell=', 'passwd=/root:/bin/ash', 'manager=apk', 'processors=8', 'container=docker', 'hypervisor=1',
      file('/proc/net/route', 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\neth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0'),
      file('/proc/net/fib_trie', 'Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n           |-- 127.0.0.1\n              /32 host LOCAL\n        |-- 172.17.0.0\n           /16 link UNICAST\n           |-- 172.17.0.2\n              /32 host LOCAL\n           |-- 172.17.255.255\n              /32 link BROADCAST'),
      file('/proc/net/if_inet6', 'fd000000000000000000000000000002 04 40 00 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\nfe80000000000000004200ff00000001 04 40 20 80     eth0'),
    ),
  )
  assert.equal(facts.cpus, 8)
  assert.deepEqual([facts.memory, facts.packageManager, facts.serviceManager], [{ total: 2000, available: 1000, swap: 0 }, 'apk', 'none'])
  assert.deepEqual(facts.virtualization, { role: 'guest', type: 'docker', kvm: false })
  assert.deepEqual(facts.addresses.map(({ interface: name, address, prefix, mac }) => `${name} ${address}/${prefix} ${mac}`), [
    'lo 127.0.0.1/8 undefined',
    'eth0 172.17.0.2/16 02:42:ac:11:00:02',
    'eth0 fd00::2/64 02:42:ac:11:00:02',
    'lo ::1/128 undefined',
    'eth0 fe80::42:ff:0:1/64 02:42:ac:11:00:02',
  ])
  assert.deepEqual(facts.defaultRoute, { interface: 'eth0', gateway: '172.17.0.1' })
})

test('a host with nothing but IPv6 has a default route, too', () => {
  const zero = '0'.repeat(32)
  const table = `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo\n${zero} 00 ${zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     ens3`
  assert.deepEqual(parseFacts(file('/proc/net/ipv6_route', table)).defaultRoute, { interface: 'ens3', gateway: 'fe80::1' })
  assert.deepEqual(parseFacts('default dev wg0 scope link').defaultRoute, { interface: 'wg0', gateway: undefined })
  assert.equal(parseFacts('').defaultRoute, undefined)
})

test('without systemd-detect-virt a guest is known by its firmware, its clock, its device tree, or its processor', () => {
  const dmi = (vendor: string, product: string): string => answer(file('/sys/class/dmi/id/sys_vendor', vendor), file('/sys/class/dmi/id/product_name', product))
  const clock = file('/sys/devices/system/clocksource/clocksource0/available_clocksource', 'kvm-clock tsc acpi_pm ')
  const type = (...parts: string[]): string | undefined => parseFacts(answer(...parts)).virtualization.type
  assert.equal(type(dmi('QEMU', 'Standard PC (Q35 + ICH9, 2009)')), 'qemu')
  assert.equal(type(dmi('QEMU', 'Standard PC (Q35 + ICH9, 2009)'), clock), 'kvm')
  assert.equal(type(dmi('VMware, Inc.', 'VMware7,1')), 'vmware')
  assert.equal(type(dmi('innotek GmbH', 'VirtualBox')), 'oracle')
  assert.equal(type(dmi('Microsoft Corporation', 'Virtual Machine')), 'microsoft')
  assert.equal(type(dmi('Microsoft Corporation', 'Surface Laptop 4')), undefined)
  assert.equal(type(dmi('Amazon EC2', 'm5.large')), 'amazon')
  assert.equal(type(dmi('Amazon EC2', 'm5.metal')), undefined)
  assert.equal(type(dmi('Dell Inc.', 'PowerEdge R740')), undefined)
  assert.equal(type(dmi('Dell Inc.', 'PowerEdge R740'), 'hypervisor=1'), 'vm-other')
  assert.equal(type('uname=pc 5.15.133.1-microsoft-standard-WSL2 x86_64'), 'wsl')
  assert.equal(type(dmi('QEMU', 'x'), 'container=lxc'), 'lxc')
  assert.equal(type('detected=none', dmi('QEMU', 'x')), undefined)
})

test('machines of other architectures: aarch64 with a device tree, ppc64le', () => {
  const arm = parseFacts(answer(file('/proc/device-tree/model', 'linux,dummy-virt\0'), 'uname=arm 6.1.0-13-arm64 aarch64', file('/sys/devices/system/cpu/online', '0'), file('/sys/block/mmcblk0/size', '61071360'), file('/sys/block/mmcblk0boot0/size', '8192')))
  assert.deepEqual([arm.architecture, arm.cpus, arm.virtualization], ['aarch64', 1, { role: 'guest', type: 'qemu', kvm: false }])
  assert.deepEqual(arm.disks.map(({ name }) => name), ['mmcblk0'])
  const power = parseFacts(answer(file('/proc/device-tree/model', 'IBM pSeries (emulated by qemu)\0'), file('/proc/device-tree/hypervisor/compatible', 'linux,kvm\0'), 'uname=pow 5.14.0-70.el9.ppc64le ppc64le', file('/sys/devices/system/cpu/online', '0-159')))
  assert.deepEqual([power.architecture, power.kernel, power.cpus, power.virtualization.type], ['ppc64le', '5.14.0-70.el9.ppc64le', 160, 'kvm'])
  assert.equal(parseFacts('uname=pi 6.1 (my build) armv7l').kernel, '6.1 (my build)')
})

/** What the script finds when it has only these programs. */
function factsWith(shell: readonly string[], programs: readonly string[]): ReturnType<typeof parseFacts> {
  const dir = mkdtempSync(join(tmpdir(), 'farm-facts-'))
  try {
    for (const program of programs) symlinkSync(execFileSync('sh', ['-c', `command -v ${program}`]).toString().trim(), join(dir, program))
    const [command = '', ...args] = shell
    return parseFacts(execFileSync(command, [...args, '-c', `set -eu\n${FACTS_SCRIPT}`], { env: { PATH: dir, HOME: '/root' }, stdio: ['ignore', 'pipe', 'inherit'] }).toString())
  } finally {
    rmSync(dir, { recursive: true })
  }
}

test('the script gives the same addresses with ip, without it, and under busybox', () => {
  const basic = ['grep', 'uname', 'id', 'tr', 'cat']
  const normal = factsWith(['/bin/sh'], [...basic, 'ip'])
  assert.ok(normal.addresses.some(({ address }) => address === '127.0.0.1'))
  const lines = ({ addresses }: typeof normal): string[] => addresses.map(({ interface: name, address, prefix, mac }) => `${name} ${address}/${prefix} ${mac}`).toSorted()
  const bare = factsWith(['/bin/sh'], basic)
  assert.deepEqual(lines(bare), lines(normal))
  assert.deepEqual(bare.defaultRoute, normal.defaultRoute)
  const busybox = factsWith(['/usr/bin/busybox', 'sh'], [])
  assert.deepEqual(lines(busybox), lines(normal))
  assert.deepEqual([busybox.disks, busybox.cpus, busybox.user, busybox.virtualization], [bare.disks, bare.cpus, bare.user, bare.virtualization])
})

/** A local connection that counts what is started on it, and fails as often as told. */
async function counted(failures = 0): Promise<{ connection: Connection; count: () => number }> {
  const real = await connect({ name: 'here', connection: 'local' })
  let started = 0
  const connection: Connection = { ...real, spawn: (command) => real.spawn((started += 1) <= failures ? 'exit 9' : command) }
  return { connection, count: () => started }
}

const silent = { check: false, changed: () => undefined, output: () => undefined }

test('a host is asked once, however many want to know, and again only after a failure', async () => {
  const { connection, count } = await counted(1)
  const one = bindHost(connection, { recorder: silent })
  const other = bindHost(connection, { recorder: { ...silent, check: true } })
  await assert.rejects(factsOf(one), { code: 'command-failed' })
  const [first, second] = await Promise.all([factsOf(one), factsOf(other)])
  assert.equal(first, second)
  assert.equal(await factsOf(one), first)
  assert.equal(count(), 2)
  assert.equal(first.architecture, execFileSync('uname', ['-m']).toString().trim())
  assert.equal(first.hostname, readFileSync('/proc/sys/kernel/hostname', 'utf8').trim())
  assert.equal(first.cpus, Number(execFileSync('getconf', ['_NPROCESSORS_ONLN'])))
})

test('over ssh the facts are those of the login user, whoever the task becomes', async (t) => {
  const rig = new Rig()
  t.after(() => rig.close())
  const user = rig.user()
  const server = await rig.sshd([], user)
  const host = bindHost(await rig.connect(server.spec), { become: { method: 'sudo', user: 'root' }, recorder: silent })
  const facts = await factsOf(host)
  assert.deepEqual(facts.user, { name: user, uid: Number(execFileSync('id', ['-u', user])), home: rig.path(user), shell: '/bin/sh' })
  assert.equal(facts.distribution.id, 'debian')
})
