/**
 * Which file is a phase: the first of `<project>/<platform>/<target>/`, `<project>/<platform>/`, `<project>/<target>/` and `<project>/`
 * that has one. Each phase is looked for by itself, and only the first hit runs.
 */
import { readdir, stat } from 'node:fs/promises'
import { extname, isAbsolute, join, relative } from 'node:path'
import { InputError } from '../errors.ts'
import { expandPath, packaged } from '../paths.ts'
import { nearest } from '../suggest.ts'
import { PHASES, type PhaseName } from './types.ts'

/** Endings of phase files. */
export const EXTENSIONS = ['.ts', '.js', '.sh', '.yaml', '.yml']

/** A directory of phase files. */
export interface Project {
  /** Absolute. */
  readonly dir: string
  /** As messages name it: as it was given. */
  readonly shown: string
}

/** The file for each phase; undefined: the phase has nothing to do. */
export interface ChosenPhases {
  readonly files: Readonly<Record<PhaseName, string | undefined>>
  /** The directories that were looked into, first to last, whether or not they exist. */
  readonly dirs: readonly string[]
  /** What looks like a mistake: a file that nobody reads because its name is nearly a phase's. */
  readonly warnings: readonly string[]
}

/**
 * Finds the directory that the variable `phases_lookup_dir_path` names: relative to `cwd`, else one of those that ship with farm
 * (`phases/vde` or `vde`), so that they can be named from anywhere.
 * @throws InputError `project-missing` with all paths tried
 */
export async function findProject(path: string, { cwd = process.cwd(), shipped = packaged('phases') }: { readonly cwd?: string; readonly shipped?: string } = {}): Promise<Project> {
  const own = path.startsWith('/') || path.startsWith('~') ? [] : [join(shipped, path.replace(/^(\.\/)*phases\//, ''))]
  const tried = [...new Set([expandPath(path, cwd), ...own])]
  for (const dir of tried) {
    const found = await stat(dir).catch(() => undefined)
    if (found?.isDirectory() === true) return { dir, shown: path.replace(/(.)\/+$/, '$1') }
    if (found !== undefined) throw new InputError('project-missing', `the project ${path} is a file and has to be a directory of phase files: ${dir}`, { location: { file: dir } })
  }
  throw new InputError('project-missing', `there is no project directory ${path}`, {
    details: tried.map((dir) => `tried ${dir}`),
    hint: 'the variable phases_lookup_dir_path names a directory that holds dependencies, init, main and terminate, as .ts, .sh or .yaml',
  })
}

/** The directories of a project for a platform and a target, the most particular first. */
export function levels({ dir }: Project, platform: string, target: string): readonly string[] {
  return [...new Set([join(dir, platform, target), join(dir, platform), join(dir, target), dir])]
}

/**
 * Chooses the file of each phase.
 * @throws InputError `phase-ambiguous` when a directory has two files for one phase
 */
export async function choosePhases(project: Project, platform: string, target: string): Promise<ChosenPhases> {
  const dirs = levels(project, platform, target)
  const files: Record<PhaseName, string | undefined> = { dependencies: undefined, init: undefined, main: undefined, terminate: undefined }
  const warnings: string[] = []
  for (const dir of dirs) {
    const { phases, strays } = await readLevel(project, dir)
    for (const name of PHASES) files[name] ??= phases.get(name)
    warnings.push(...strays)
  }
  if (Object.values(files).every((file) => file === undefined)) warnings.push(`${project.shown} has no phase for ${platform} on ${target}: nothing will run in the machine`)
  return { files, dirs, warnings }
}

async function readLevel(project: Project, dir: string): Promise<{ phases: Map<PhaseName, string>; strays: string[] }> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw new InputError('unreadable-directory', `cannot read ${dir}: ${error.message}`, { location: { file: dir }, cause: error })
  })
  const phases = new Map<PhaseName, string>()
  const strays: string[] = []
  for (const name of entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name).sort()) {
    const phase = phaseOf(name)
    const file = join(dir, name)
    if (phase === undefined) {
      const stray = strayOf(name)
      if (stray !== undefined) strays.push(`${shownPath(project, file)} is not read: ${stray}`)
      continue
    }
    const other = phases.get(phase)
    if (other !== undefined) {
      throw new InputError('phase-ambiguous', `there are two files for the phase ${phase}: ${shownPath(project, other)} and ${shownPath(project, file)}`, { location: { file }, hint: 'keep one of them' })
    }
    phases.set(phase, file)
  }
  return { phases, strays }
}

/** The phase that a file of this name is, if any. */
export function phaseOf(name: string): PhaseName | undefined {
  const extension = extname(name)
  return EXTENSIONS.includes(extension) ? PHASES.find((phase) => phase + extension === name) : undefined
}

/** Why a file that is no phase looks as if it were meant to be one. */
function strayOf(name: string): string | undefined {
  if (name.startsWith('.') || name.endsWith('~')) return undefined
  const extension = extname(name)
  const stem = name.slice(0, name.length - extension.length)
  if (PHASES.some((phase) => phase === stem)) return `a phase is a file that ends in ${EXTENSIONS.join(', ')}`
  const near = EXTENSIONS.includes(extension) ? nearest(stem, PHASES) : undefined
  return near === undefined ? undefined : `did you mean ${near}${extension}?`
}

/** A file of the project as messages name it: `phases/vde/debian_12/main.sh`. */
export function shownPath({ dir, shown }: Project, file: string): string {
  const inside = relative(dir, file)
  return inside.startsWith('..') || isAbsolute(inside) ? file : join(shown, inside)
}

/** For people: which file each phase uses on a platform and a target, one line a phase. */
export function describeProject(project: Project, chosen: ChosenPhases): string[] {
  const width = Math.max(...PHASES.map((phase) => phase.length))
  return PHASES.map((phase) => `${phase.padEnd(width)}  ${chosen.files[phase] === undefined ? 'no file' : shownPath(project, chosen.files[phase])}`)
}
