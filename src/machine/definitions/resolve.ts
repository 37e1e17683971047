/** From an entry of the matrix to a definition: target, defaults, platform, platform on target, entry, and the machine's own `vm`. */
import { formatLocation, InputError, type Location } from '../../errors.ts'
import { packaged } from '../../paths.ts'
import { completeDefinition } from './complete.ts'
import { definitionDirs, findDefinition, requireDefinition, type Folder } from './files.ts'
import { isPartName, type MatrixEntry } from './matrix.ts'
import { Merging } from './merging.ts'
import { report, type Problem } from './problems.ts'
import type { DefinitionVariables } from './render.ts'
import { dataSource, readSource, type DefinitionSource, type ImportModule } from './source.ts'
import type { DefinitionFacts, MachineDefinition } from './types.ts'

/** What a definition is resolved with. */
export interface ResolveOptions {
  /** Directories that may hold `targets/` and `platforms/`, the user's in order; farm's own is always the last. */
  readonly dirs: readonly string[]
  readonly facts: DefinitionFacts
  /** The machine's variables, as values or as a scope; what a scope holds is rendered only when a definition asks for it. */
  readonly variables?: DefinitionVariables | undefined
  /** The variable `vm` of the machine, which has the last word. */
  readonly override?: Readonly<Record<string, unknown>> | undefined
  readonly overrideLocation?: Location | undefined
  readonly importModule: ImportModule
}

const TARGETS: Folder = { path: 'targets', kind: 'target' }
const PLATFORMS: Folder = { path: 'platforms', kind: 'platform' }

/**
 * Finds, reads, renders and merges all that is said about a machine.
 * @throws InputError: a file that is missing (with every path tried) or unreadable, a circle of `extends`, an expression, an unmet
 *   `require`, or `definition` with everything that is wrong with the result and where it is written.
 */
export async function resolveDefinition(entry: MatrixEntry, options: ResolveOptions): Promise<MachineDefinition> {
  const { platform, target, overrides, location } = entry
  const dirs = definitionDirs(options.dirs)
  for (const [kind, name] of [['platform', platform], ['target', target]] as const) {
    if (!isPartName(name)) throw new InputError('definition-name', `${JSON.stringify(name)} cannot be the name of a ${kind}, which names a file`, { location })
  }
  const chain = (folder: Folder, name: string): Promise<DefinitionSource[]> => readChain(dirs, folder, name, { by: ` (wanted for ${platform} on ${target})`, location }, options.importModule)
  const both: Folder = { path: `platforms/${platform}`, kind: `definition of ${platform} on the target` }
  const overlay = await findDefinition(dirs, both, target)
  const sources = [
    ...(await chain(TARGETS, target)),
    ...(await readDefaults(dirs, options.importModule)),
    ...(await chain(PLATFORMS, platform)),
    ...(overlay ? await chain(both, target) : []),
    ...(Object.keys(overrides).length > 0 ? [dataSource('the entry of config', overrides, location)] : []),
    ...(options.override ? [dataSource('the variable vm', options.override, options.overrideLocation)] : []),
  ]
  const problems: Problem[] = []
  const merging = new Merging({ platform, target, hypervisor: options.facts, variables: options.variables ?? {} }, sources, problems)
  for (const source of sources) await merging.add(source)
  const files = sources.flatMap(({ file }) => file ?? [])
  const definition = completeDefinition(merging.fields, { platform, target, files }, (path) => merging.origin(path), problems)
  if (definition) return definition
  throw report('definition', `the definition of ${platform} on ${target} is not usable`, problems.map((problem) => ({ ...problem, location: problem.location ?? location })))
}

/** farm's own defaults, and over them the first of the user's. */
async function readDefaults(dirs: readonly string[], importModule: ImportModule): Promise<DefinitionSource[]> {
  const own = packaged('inventory')
  const found = [await findDefinition([own], PLATFORMS, 'defaults'), await findDefinition(dirs.filter((dir) => dir !== own), PLATFORMS, 'defaults')]
  const sources = await Promise.all(found.map((file) => (file ? readSource(file.file, 'defaults', importModule) : undefined)))
  return sources.filter((source) => source !== undefined).map((source) => {
    if (source.parent !== undefined) throw new InputError('definition-extends', 'defaults extend nothing: they lie over those of farm by themselves', { location: source.origin(['extends']) })
    return source
  })
}

/** A file and all that it extends, the most general first. A file that extends its own name means the next of that name in the order of directories. */
async function readChain(dirs: readonly string[], folder: Folder, name: string, asked: { readonly by: string; readonly location: Location | undefined }, importModule: ImportModule): Promise<DefinitionSource[]> {
  const chain: DefinitionSource[] = []
  let next: { readonly name: string; readonly from: number; readonly asked: typeof asked } | undefined = { name, from: 0, asked }
  while (next) {
    const current: { readonly name: string; readonly from: number; readonly asked: typeof asked } = next
    const found = await requireDefinition(dirs, folder, current.name, current.from, current.asked)
    const first = chain.findIndex(({ file }) => file === found.file)
    if (first >= 0) throw circle([...chain.slice(first), chain[first] as DefinitionSource])
    const source: DefinitionSource = await readSource(found.file, `${folder.kind} ${current.name}`, importModule)
    chain.push(source)
    const again = source.parent === current.name
    const location = source.origin(['extends']) ?? source.origin([])
    next = source.parent === undefined ? undefined : { name: source.parent, from: again ? found.at + 1 : 0, asked: { by: `${again ? ' in the directories that follow' : ''} (extended by ${found.file})`, location } }
  }
  return chain.reverse()
}

function circle(chain: readonly DefinitionSource[]): InputError {
  const last = chain.at(-2)
  const places = chain.slice(0, -1).map((source) => `${source.label} extends ${source.parent} (${formatLocation(source.origin(['extends']) ?? { file: source.file ?? '' })})`)
  return new InputError('definition-extends', `definitions extend each other in a circle: ${chain.map(({ label }) => label).join(' → ')}`, { location: last?.origin(['extends']), details: places })
}
