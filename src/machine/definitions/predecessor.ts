/** The names that ansible_farm's definitions use, turned into farm's; what has no counterpart is said, with what to write instead. */
import { isMap, type ValuePath } from '../../vars/layer.ts'
import { label, type Origin, type Problem } from './problems.ts'

/** Fields with farm's names, and from where each of them came. */
export interface Modern {
  readonly fields: Record<string, unknown>
  readonly origin: Origin
}

/** Old path → new path. */
const RENAMED: readonly (readonly [ValuePath, ValuePath])[] = [
  [['ram'], ['memory']],
  [['virt_domain'], ['virt_type']],
  [['kernel', 'params'], ['cmdline']],
  [['metadata', 'name'], ['name']],
  [['metadata', 'hostname'], ['hostname']],
  [['metadata', 'template'], ['template']],
]
/** Farm knows these without being told. */
const NEEDLESS: readonly ValuePath[] = [['default_bus'], ['metadata', 'platform_name'], ['metadata', 'target_name']]
const INSTEAD: readonly (readonly [ValuePath, string])[] = [
  [['kernel', 'src'], 'a kernel belongs to an image: give it to the step fetch'],
  [['metadata', 'connection'], 'set the variable libvirt_uri of the hypervisor'],
  [['metadata', 'libvirt_pool_dir'], 'set the variable vm_pool_dir of the hypervisor'],
  [['metadata', 'tmp_dir'], 'set the variable vm_working_dir of the hypervisor'],
  [['metadata', 'auth'], 'farm logs in with a key: write login: {user: root}'],
  [['metadata', 'sources'], 'write the pipeline as image: a list of steps such as fetch, resize and seed'],
]
const DISK: readonly (readonly [string, string])[] = [['devname', 'device'], ['type', 'format']]

/** Translates one file's fields; neither argument is changed. */
export function modernise(fields: Readonly<Record<string, unknown>>, origin: Origin, problems: Problem[]): Modern {
  const result: Record<string, unknown> = { ...fields }
  const moved: (readonly [ValuePath, ValuePath])[] = []
  for (const path of NEEDLESS) take(result, path)
  for (const [path, hint] of INSTEAD) {
    if (take(result, path) !== undefined) problems.push({ text: `${label(path)} means nothing to farm`, location: origin(path), hint })
  }
  for (const [old, now] of RENAMED) {
    const value = take(result, old)
    const [name] = now
    if (value === undefined || name === undefined) continue
    if (result[name] !== undefined) problems.push({ text: `${label(old)} and ${label(now)} are two names of one field`, location: origin(old), hint: `keep ${label(now)}` })
    result[name] = value
    moved.push([now, old])
  }
  for (const group of ['metadata', 'kernel']) if (isMap(result[group]) && Object.keys(result[group]).length === 0) delete result[group]
  const { disks } = result
  if (Array.isArray(disks)) result['disks'] = disks.map((disk: unknown, index) => (isMap(disk) ? modernDisk(disk, index, moved) : disk))
  return { fields: result, origin: (path) => origin(originalPath(path, moved)) ?? origin(path) }
}

function modernDisk(disk: Readonly<Record<string, unknown>>, index: number, moved: (readonly [ValuePath, ValuePath])[]): Record<string, unknown> {
  const result = { ...disk }
  for (const [old, now] of DISK) {
    if (result[old] === undefined || result[now] !== undefined) continue
    result[now] = result[old]
    delete result[old]
    moved.push([['disks', index, now], ['disks', index, old]])
  }
  return result
}

/** Takes the value at a path away; the maps on the way are copied. */
function take(from: Record<string, unknown>, [key, ...rest]: ValuePath): unknown {
  const value = key === undefined ? undefined : from[String(key)]
  if (key === undefined || value === undefined) return undefined
  if (rest.length === 0) {
    delete from[String(key)]
    return value
  }
  if (!isMap(value)) return undefined
  const copy = { ...value }
  const taken = take(copy, rest)
  from[String(key)] = copy
  return taken
}

function originalPath(path: ValuePath, moved: readonly (readonly [ValuePath, ValuePath])[]): ValuePath {
  const move = moved.find(([now]) => now.every((step, index) => path[index] === step))
  return move ? [...move[1], ...path.slice(move[0].length)] : path
}
