/** Names of kernel settings, and the files that keep them: sysctl(8), sysctl.d(5). Pure functions. */

/**
 * The path of a setting below /proc/sys. The first separator decides which one it is: in `net.ipv4.conf.eth0/100.forwarding` and
 * `net/ipv4/conf/eth0.100/forwarding` the interface is eth0.100.
 */
export function sysctlPath(name: string): string {
  if (name.search(/[./]/) < 0 || name.search('/') === name.search(/[./]/)) return name
  return name.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'))
}

/** Values are lists of words at most; the kernel prints tabs between them. */
export function normalized(value: string): string {
  return value.trim().split(/\s+/).join(' ')
}

/** What farm writes above its settings when it makes the file. */
export const HEADER = '# Kernel settings made by farm.'

/** What a line of such a file sets: the setting's path and value; undefined for comments and empty lines. */
function assignment(line: string): readonly [path: string, value: string] | undefined {
  // A dash before the name: a failure does not matter.
  const [, name, value = ''] = /^\s*-?\s*([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? []
  return name === undefined ? undefined : [sysctlPath(name), value]
}

/**
 * The file with the wanted settings (by path; undefined: without it), the rest as it is. A setting that is there already keeps its place,
 * the last of several, since that is the one that counts. Undefined when nothing but farm's header would be left.
 */
export function editSettings(text: string, wanted: ReadonlyMap<string, { readonly name: string; readonly value: string | undefined }>): string | undefined {
  const lines = text === '' ? [HEADER] : text.replace(/\n$/, '').split('\n')
  const last = new Map(lines.map((line, index) => [assignment(line)?.[0], index]))
  const done = new Set<string>()
  const kept = lines.flatMap((line, index): string[] => {
    const [path = '', value = ''] = assignment(line) ?? []
    const own = wanted.get(path)
    if (own === undefined) return [line]
    if (own.value === undefined || last.get(path) !== index) return []
    done.add(path)
    return [normalized(value) === normalized(own.value) ? line : `${own.name} = ${own.value}`]
  })
  const added = [...wanted].filter(([path, { value }]) => value !== undefined && !done.has(path)).map(([, { name, value }]) => `${name} = ${value ?? ''}`)
  const all = [...kept, ...added]
  return all.every((line) => line === HEADER || line.trim() === '') ? undefined : `${all.join('\n')}\n`
}
