/** Reading what the script of facts.ts prints: a pure function, so that any machine's answer can be a test. */
import { parseAddresses, parseDefaultRoute } from './facts-network.ts'
import { virtualizationOf } from './facts-virtualization.ts'
import type { Facts } from './facts.ts'

/** The answer taken apart. */
export interface Answer {
  /** The first value of `key=value`, or ''. */
  one(key: string): string
  /** The lines of a file; none when it was not there. */
  file(path: string): readonly string[]
  /** Paths of files that were printed and match. */
  files(pattern: RegExp): readonly RegExpExecArray[]
  /** Every line as it came. */
  readonly lines: readonly string[]
  all(key: string): readonly string[]
}

/** Takes the answer apart. Device tree files end with a NUL character, which is dropped. */
export function parseAnswer(text: string): Answer {
  const lines = text.replaceAll('\0', '').split('\n')
  const values = new Map<string, string[]>()
  const add = (key: string, value: string): void => void (values.get(key)?.push(value) ?? values.set(key, [value]))
  for (const line of lines) {
    const [, path, content = '', key = '', value = ''] = /^(\/[^:]+):(.*)$|^([a-z]+)=(.*)$/.exec(line) ?? []
    if (path !== undefined) add(path, content)
    else if (key !== '') add(key, value)
  }
  const all = (key: string): readonly string[] => values.get(key) ?? []
  return {
    lines,
    all,
    one: (key) => all(key)[0] ?? '',
    file: all,
    files: (pattern) => [...values.keys()].map((path) => pattern.exec(path)).filter((match) => match !== null),
  }
}

/** Facts from what the script printed. What the host did not say is empty, 0 or undefined; never a guess. */
export function parseFacts(text: string): Facts {
  const answer = parseAnswer(text)
  const { one, file } = answer
  // A host name has no blanks; the release of a kernel that somebody built may.
  const [node = '', ...rest] = one('uname').split(' ')
  const distribution = distributionOf(answer)
  const [, uid = '', name = ''] = /^uid=(\d+)(?:\(([^)]*)\))?/.exec(one('id')) ?? []
  const [home = one('home'), shell = one('shell')] = one('passwd') === '' ? [] : one('passwd').split(':')
  const init = one('init')
  return {
    hostname: file('/proc/sys/kernel/hostname')[0] ?? node,
    architecture: rest.pop() ?? '',
    kernel: rest.join(' '),
    distribution,
    packageManager: packageManagerOf(answer.all('manager'), distribution.like),
    serviceManager: init === 'systemd' || init === 'openrc' ? init : 'none',
    cpus: countCpus(file('/sys/devices/system/cpu/online')[0] ?? '') || Number(one('processors')) || 1,
    memory: memoryOf(file('/proc/meminfo')),
    disks: disksOf(answer),
    addresses: parseAddresses(answer),
    defaultRoute: parseDefaultRoute(answer),
    virtualization: virtualizationOf(answer),
    user: { name: name || uid, uid: Number(uid), home, shell: shell || '/bin/sh' },
  }
}

/** os-release(5): shell assignments, quoted or not; the file in /etc counts before the one in /usr/lib. */
function distributionOf({ file }: Answer): Facts['distribution'] {
  const lines = [...file('/etc/os-release'), ...file('/usr/lib/os-release')]
  const values = new Map<string, string>()
  for (const line of lines) {
    const [, key = '', raw = ''] = /^\s*(\w+)=(.*?)\s*$/.exec(line) ?? []
    const [, quote = '', inner = raw] = /^(["'])(.*)\1$/.exec(raw) ?? []
    if (key !== '' && !values.has(key)) values.set(key, quote === "'" ? inner : inner.replace(/\\(["$`\\])/g, '$1'))
  }
  const get = (key: string): string => values.get(key) ?? ''
  const id = get('ID') || 'linux'
  return {
    id,
    like: [...new Set([id, ...get('ID_LIKE').split(/\s+/)])].filter((word) => word !== ''),
    version: get('VERSION_ID'),
    codename: get('VERSION_CODENAME') || get('UBUNTU_CODENAME'),
    name: get('PRETTY_NAME') || get('NAME') || id,
  }
}

type Manager = NonNullable<Facts['packageManager']>

const MANAGERS: Readonly<Record<string, Manager>> = { 'apt-get': 'apt', dnf: 'dnf', pacman: 'pacman', zypper: 'zypper', apk: 'apk' }

/** Which family of distributions has which manager: Debian has packages of the others', too. */
const NATIVE: Readonly<Record<string, Manager>> = { debian: 'apt', fedora: 'dnf', rhel: 'dnf', arch: 'pacman', suse: 'zypper', opensuse: 'zypper', alpine: 'apk' }

function packageManagerOf(programs: readonly string[], like: readonly string[]): Manager | undefined {
  const found = programs.map((program) => MANAGERS[program]).filter((manager) => manager !== undefined)
  return like.map((id) => NATIVE[id]).find((manager) => manager !== undefined && found.includes(manager)) ?? found[0]
}

/** `0-3,8` is five processors. */
function countCpus(list: string): number {
  let count = 0
  for (const range of list.split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range.trim()) ?? []
    if (first !== undefined) count += Number(last) - Number(first) + 1
  }
  return count
}

function memoryOf(lines: readonly string[]): Facts['memory'] {
  const kib = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), Number.parseInt(line.slice(line.indexOf(':') + 1), 10)] as const))
  const get = (key: string): number => kib.get(key) ?? 0
  const mib = (amount: number): number => Math.floor(amount / 1024)
  // Kernels before 3.14 do not work out what is available.
  const available = kib.get('MemAvailable') ?? get('MemFree') + get('Buffers') + get('Cached')
  return { total: mib(get('MemTotal')), available: mib(available), swap: mib(get('SwapTotal')) }
}

/** Devices that are no disks: in memory, made of files or of other disks, for removable media, and the boot areas of flash chips. */
const NO_DISK = /^(?:loop|ram|zram|dm-|md|sr|fd|nbd|drbd|mtdblock)\d|^mmcblk\d+(?:boot\d|rpmb)/

function disksOf({ file, files }: Answer): Facts['disks'] {
  return files(/^\/sys\/block\/([^/]+)\/size$/)
    .map(([path, name = '']) => {
      const of = (attribute: string): string => (file(`/sys/block/${name}/${attribute}`)[0] ?? '').trim()
      // The kernel counts in sectors of 512 bytes, whatever the disk's are.
      return { name: name.replaceAll('!', '/'), hidden: of('hidden') === '1', size: Math.floor(Number(file(path)[0]) / 2048), model: of('device/model'), rotational: of('queue/rotational') === '1' }
    })
    .filter(({ name, hidden, size }) => !hidden && size > 0 && !NO_DISK.test(name))
    .map(({ name, size, model, rotational }) => ({ name, size, model, rotational }))
}
