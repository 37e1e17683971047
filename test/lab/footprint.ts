/** What a host looks like from outside farm: everything that an unprovision has to give back. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { MASKED, OVERLAYS, PRIVATE, VOLATILE } from './host-setup.ts'
import type { Result } from './process.ts'

/** Facts by name; the names say what kind of thing it is: `file /etc/x`, `domain boreas`, `rule filter`. */
export type Footprint = ReadonlyMap<string, string>

/** What {@link takeFootprint} needs of a host. */
export interface Footed {
  exec(command: string): Promise<Result>
  path(inside: string): string
}

/**
 * Files that change without farm's doing: logins, logs and caches of daemons that were there before.
 * The log of a single machine (log/libvirt/qemu/NAME.log) is not among them.
 */
const RESTLESS = [
  /^\/var\/log\/(wtmp|btmp|lastlog|faillog|auth\.log|syslog|alternatives\.log)$/,
  /^\/var\/log\/libvirt\/(libvirtd|virtlogd|virtlockd)\.log$/,
  /^\/var\/cache\/libvirt\/qemu\/capabilities\//,
  /^\/run\/lab(\/|$)/,
  /^\/run\/(utmp|xtables\.lock|[a-z]+\.pid)$/,
  // libvirt's own directories, which it makes on first use and leaves; the files in them count.
  /^\/etc\/libvirt\/(qemu|storage|secrets|nwfilter|qemu\/networks)(\/autostart)?$/,
  /^\/(var\/lib|run)\/libvirt(\/(dnsmasq|network|nwfilter-binding|storage|qemu|qemu\/(channel|channel\/target|dump|save|snapshot|ram|nvram|checkpoint|slirp|dbus|passt|swtpm)))?$/,
  /^\/var\/log\/libvirt\/(qemu|lxc)$/,
  /^\/run\/libvirt\/network\/[^/]+(\.pid|\/ports)?$/,
  // The lease database of the dnsmasq of a bridge outlives the network in every libvirt; empty ones say nothing.
  /^\/var\/lib\/libvirt\/dnsmasq\/[^/]+\.(status|macs)$/,
]

const LARGE = 8 << 20

const COMMANDS: readonly (readonly [kind: string, command: string])[] = [
  ['domain', 'virsh -q list --all --name'],
  ['network', 'virsh -q net-list --all --name'],
  ['pool', 'virsh -q pool-list --all --name'],
  ['volume', 'virsh -q pool-list --name | while read -r p; do [ -z "$p" ] || virsh -q vol-list "$p" | sed "s|^|$p |"; done'],
  ['nwfilter', "virsh -q nwfilter-list | awk '{print $2}'"],
  ['binding', 'virsh -q nwfilter-binding-list'],
  ['secret', 'virsh -q secret-list'],
  ...['filter', 'nat', 'mangle', 'raw'].flatMap((table) => [
    [`rule ipv4 ${table}`, `iptables-save -t ${table}`] as const,
    [`rule ipv6 ${table}`, `ip6tables-save -t ${table}`] as const,
  ]),
  ['nft table', 'nft list tables'],
  ['sysctl', 'cd /proc/sys/net; grep -H . ipv4/ip_forward ipv6/conf/all/forwarding ipv4/conf/all/proxy_arp ipv4/conf/eno1/proxy_arp'],
  ['interface', "ip -o link | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'"],
  ['address', "ip -o addr | awk '{print $2, $4}'"],
  // An empty bridge loses its carrier some seconds after it was made: that is the kernel's, and not a change of the route.
  ['route', "{ ip route; ip -6 route show proto static; } | sed 's/ linkdown *$//'"],
  ['neighbour', 'ip neigh show nud permanent'],
  ['mount', "awk '{print $1, $2, $3}' /proc/mounts"],
]

/** Looks at everything; nothing is changed. */
export async function takeFootprint({ host, upper }: { host: Footed; upper: string }): Promise<Footprint> {
  const facts = new Map<string, string>()
  await Promise.all(
    COMMANDS.map(async ([kind, command]) => {
      const { stdout } = await host.exec(command)
      for (const line of stdout.split('\n').map((text) => text.trim())) if (line && counts(kind, line)) facts.set(`${kind} ${line}`, '')
    }),
  )
  for (const line of await processes(host)) facts.set(`process ${line}`, '')
  for (const top of OVERLAYS) await files(join(upper, top), `/${top}`, facts, `/${top}`)
  for (const dir of [...PRIVATE, ...VOLATILE]) await files(host.path(dir), dir, facts)
  return facts
}

/** The differences in words, sorted; `ignore` are paths of files, with all that is below them. */
export function diffFootprints(before: Footprint, after: Footprint, ignore: readonly string[] = []): string[] {
  const ignored = (fact: string): boolean => ignore.some((path) => fact === `file ${path}` || fact.startsWith(`file ${path}/`))
  const lines: string[] = []
  for (const [fact, value] of after) {
    if (ignored(fact)) continue
    const old = before.get(fact)
    if (old === undefined) lines.push(`appeared: ${fact}${value && ` (${value})`}`)
    else if (old !== value) lines.push(`changed: ${fact} (${old} became ${value})`)
  }
  for (const fact of before.keys()) if (!after.has(fact) && !ignored(fact)) lines.push(`vanished: ${fact}`)
  return lines.sort()
}

/** Leaves out what says nothing: comments, tables that iptables made by being asked, libvirt's empty chains. */
function counts(kind: string, line: string): boolean {
  if (kind === 'nft table') return !/^table ip6? (filter|nat|mangle|raw)$/.test(line)
  if (!kind.startsWith('rule')) return true
  if (/^(#|\*|COMMIT|:LIBVIRT_\w+ - |-A [A-Z]+ -j LIBVIRT_\w+$)/.test(line)) return false
  return !/^:[A-Z]+ ACCEPT/.test(line)
}

/** Command lines of what runs, without the commands that look. */
async function processes(host: Footed): Promise<string[]> {
  const proc = host.path('/proc')
  const lines: string[] = []
  for (const pid of (await readdir(proc)).filter((name) => /^\d+$/.test(name))) {
    const read = await readFile(join(proc, pid, 'cmdline'), 'utf8').catch(() => undefined)
    // A zombie has no command line; its parent's pace at burying it is not farm's.
    const line = read?.replaceAll('\0', ' ').trim()
    if (line) lines.push(line)
  }
  return lines
}

/**
 * Adds the files below `dir`, which the host sees as `seen`. With `lower`, `dir` is the upper half of an overlay: directories that
 * only exist because something in them changed, and files equal to the original, are left out.
 */
async function files(dir: string, seen: string, facts: Map<string, string>, lower?: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    const path = join(dir, entry.name)
    const name = join(seen, entry.name)
    if ((PRIVATE as readonly string[]).includes(name) && lower !== undefined) continue
    const stat = await lstat(path).catch(() => undefined)
    if (!stat) continue
    const original = lower === undefined ? undefined : join(lower, entry.name)
    const value = await describe(path, stat)
    const same = original !== undefined && (await lstat(original).then((old) => describe(original, old), () => '')) === value
    const masked = value === 'removed' && (MASKED as readonly string[]).includes(name)
    if (!same && !masked && !RESTLESS.some((pattern) => pattern.test(name))) facts.set(`file ${name}`, value)
    if (stat.isDirectory()) await files(path, name, facts, original)
  }
}

async function describe(path: string, stat: Awaited<ReturnType<typeof lstat>>): Promise<string> {
  const mode = (Number(stat.mode) & 0o7777).toString(8)
  if (stat.isDirectory()) return `directory ${mode}`
  if (stat.isSymbolicLink()) return `link to ${await readlink(path)}`
  if (stat.isSocket()) return 'socket'
  if (stat.isFIFO()) return 'pipe'
  if (stat.isCharacterDevice() && Number(stat.rdev) === 0) return 'removed'
  if (!stat.isFile()) return 'device'
  if (Number(stat.size) > LARGE) return `file ${mode}, ${stat.size} bytes, written ${Number(stat.mtimeMs)}`
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash).catch(() => undefined)
  return `file ${mode}, ${stat.size} bytes, ${hash.digest('hex').slice(0, 12)}`
}
