/**
 * Phases that are lists of steps in YAML: each names one host primitive and its arguments. All is checked when the file is read, with
 * file and line, before any machine is started.
 */
import { dirname, join } from 'node:path'
import { InputError, type Location } from '../errors.ts'
import { describeValue, parseYaml, readText } from '../vars/index.ts'
import { isMap, type ValuePath } from '../vars/layer.ts'
import { checkArguments, knownPrimitives, withoutShorthand } from './arguments.ts'
import { checkTemplates, isOpen, type Locate } from './render.ts'
import { runStep, type Condition, type Step } from './run-step.ts'
import type { LoadedPhase, PhaseBecome, PhaseName, PhasePart } from './types.ts'
import { didYouMean } from '../suggest.ts'

const KEYWORDS = ['name', 'when', 'become', 'ignore_errors', 'timeout', 'include']

/** What Ansible calls otherwise. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  shell: 'command', raw: 'command', script: 'command', apt: 'package', yum: 'package', dnf: 'package', pip: 'command', pacman: 'package', systemd: 'service', get_url: 'download', unarchive: 'archive',
  lineinfile: 'line', blockinfile: 'block', cron: 'file', become_user: 'become: { user: NAME }', become_method: 'become: { method: sudo }', include_tasks: 'include', import_tasks: 'include',
  environment: 'the argument env of command', chdir: 'the argument chdir of command', args: 'write the arguments below the primitive', loop: 'a phase in TypeScript', with_items: 'a phase in TypeScript',
  register: 'a phase in TypeScript', vars: 'the inventory, or -e', debug: 'a phase in TypeScript: note(…)', set_fact: 'a phase in TypeScript: setVariables(…)',
}

/** What an include gives to the steps that it brings. */
interface Outer {
  readonly when: readonly Condition[]
  readonly become: PhaseBecome
  readonly ignoreErrors: boolean
  readonly timeout: number | undefined
  /** The files that lead here, outermost first. */
  readonly chain: readonly string[]
}

/**
 * Reads a list of steps with all that it includes.
 * @throws InputError with file, line and column
 */
export async function loadSteps(phase: PhaseName, file: string): Promise<LoadedPhase> {
  const files: string[] = []
  const steps = await readSteps(file, { when: [], become: undefined, ignoreErrors: false, timeout: undefined, chain: [] }, files)
  const parts = steps.map((step): PhasePart => ({ title: step.title, become: step.become, timeout: step.timeout, ignoreErrors: step.ignoreErrors, run: (hands) => runStep(step, hands) }))
  return { phase, file, files: [...new Set(files)], parts }
}

async function readSteps(file: string, outer: Outer, files: string[]): Promise<Step[]> {
  files.push(file)
  const { value, locate } = parseYaml((await readText(file)).replace(/^\uFEFF/, ''), file)
  if (value === null) return []
  if (!Array.isArray(value)) throw new InputError('phase-steps', `a phase is a list of steps, got ${describeValue(value)}`, { location: locate([]) ?? { file, line: 1 }, hint: 'write `- command: make`' })
  const steps: Step[] = []
  for (const [index, item] of value.entries()) steps.push(...(await readStep(item, { file, index, locate }, { ...outer, chain: [...outer.chain, file] }, files)))
  return steps
}

/** A step as it stands in its file. */
interface Place {
  readonly file: string
  readonly index: number
  readonly locate: Locate
}

async function readStep(item: unknown, place: Place, outer: Outer, files: string[]): Promise<Step[]> {
  const at = (...path: ValuePath): Location => place.locate([place.index, ...path]) ?? place.locate([place.index]) ?? { file: place.file }
  const wrong = (message: string, location: Location, hint?: string): InputError => new InputError('phase-step', message, { location, hint })
  if (!isMap(item)) throw wrong(`a step is a map that names a primitive, got ${describeValue(item)}`, at(), 'write `- command: make`')

  const primitives = await knownPrimitives()
  const named = Object.keys(item).filter((key) => !KEYWORDS.includes(key))
  for (const key of named) {
    if (primitives.has(key)) continue
    const word = key.replace(/^(ansible\.builtin|community\.general|ansible\.posix)\./, '')
    const here = Object.hasOwn(ELSEWHERE, word) ? ELSEWHERE[word] : primitives.has(word) ? word : undefined
    const near = didYouMean(key, [...primitives.keys(), ...KEYWORDS]) ?? `primitives: ${[...primitives.keys()].join(', ')}`
    throw wrong(`there is no primitive called ${key}`, at(key), here === undefined ? near : `in farm: ${here}`)
  }
  const actions = [...named, ...('include' in item ? ['include'] : [])]
  const [action] = actions
  if (action === undefined) throw wrong('a step names one primitive, and this one names none', at(), `primitives: ${[...primitives.keys()].join(', ')}`)
  if (actions.length > 1) throw wrong(`a step names one primitive, and this one names ${actions.join(' and ')}`, at(actions[1] as string), 'make two steps of it')

  const { name, become, timeout } = item
  if (name !== undefined && (typeof name !== 'string' || name.trim() === '' || isOpen(name))) throw wrong(`the name of a step is plain text, got ${describeValue(name)}`, at('name'))
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout > 0)) throw wrong(`timeout is a number of seconds, got ${describeValue(timeout)}`, at('timeout'))
  const ignoreErrors = boolean(item, 'ignore_errors', at)
  const inherited: Outer = {
    chain: outer.chain,
    when: [...outer.when, ...conditions(item['when'], place, at)],
    become: become === undefined ? outer.become : becomeOf(become, at),
    ignoreErrors: ignoreErrors ?? outer.ignoreErrors,
    timeout: (timeout as number | undefined) ?? outer.timeout,
  }
  if (action === 'include') return include(item['include'], place, inherited, files, at('include'))

  const locate: Locate = (path) => at(action, ...path)
  const args = withoutShorthand(action, item[action])
  if (!isMap(args)) throw wrong(`${action} needs arguments, got ${describeValue(item[action])}`, at(action), 'docs/primitives.md lists them')
  checkTemplates(args, [], locate)
  await checkArguments(action, args, locate)
  return [{ ...inherited, title: name ?? titleOf(action, args), file: place.file, primitive: action, args, locate }]
}

async function include(target: unknown, { file }: Place, outer: Outer, files: string[], location: Location): Promise<Step[]> {
  if (typeof target !== 'string' || target === '' || isOpen(target)) {
    throw new InputError('phase-step', `include needs the path of a file, got ${describeValue(target)}`, { location, hint: 'relative to the file that it is written in; a template cannot choose it, but a when can leave it out' })
  }
  const path = target.startsWith('/') ? target : join(dirname(file), target)
  if (outer.chain.includes(path)) throw new InputError('phase-step', `files include each other in a circle: ${[...outer.chain.slice(outer.chain.indexOf(path)), path].join(' → ')}`, { location })
  if (!/\.ya?ml$/.test(path)) throw new InputError('phase-step', `include brings steps, and ${target} is no .yaml`, { location })
  try {
    return await readSteps(path, outer, files)
  } catch (cause) {
    if (cause instanceof InputError && cause.code === 'unreadable-file') throw new InputError('phase-step', `${target} cannot be included: ${cause.message}`, { location, cause })
    throw cause
  }
}

function conditions(when: unknown, { index, locate }: Place, at: (...path: ValuePath) => Location): Condition[] {
  if (when === undefined) return []
  return [when].flat().map((value: unknown, position) => {
    const path: ValuePath = Array.isArray(when) ? ['when', position] : ['when']
    const inFile: Locate = () => at(...path)
    if (typeof value === 'boolean') return { value, locate: inFile }
    if (typeof value !== 'string' || !isOpen(value)) {
      throw new InputError('phase-step', `when is true, false or a template, got ${describeValue(value)}`, { location: at(...path), hint: `write when: '{{eq platform "debian_12"}}'` })
    }
    checkTemplates(value, [index, ...path], locate)
    return { value, locate: inFile }
  })
}

function becomeOf(value: unknown, at: (...path: ValuePath) => Location): PhaseBecome {
  if (typeof value === 'boolean') return value
  if (isMap(value) && Object.entries(value).every(([key, item]) => typeof item === 'string' && (key === 'user' || (key === 'method' && ['sudo', 'su', 'doas'].includes(item))))) return { ...value } as PhaseBecome
  throw new InputError('phase-step', `become is true, false, or a map of user and method, got ${describeValue(value)}`, { location: at('become'), hint: 'write become: { user: postgres, method: sudo }' })
}

function boolean(item: Readonly<Record<string, unknown>>, key: string, at: (...path: ValuePath) => Location): boolean | undefined {
  const value = item[key]
  if (value === undefined || typeof value === 'boolean') return value
  throw new InputError('phase-step', `${key} is true or false, got ${describeValue(value)}`, { location: at(key) })
}

/** What a step without a name is called: its primitive and what that is about. */
function titleOf(primitive: string, args: Readonly<Record<string, unknown>>): string {
  const about = ['name', 'path', 'dest', 'cmd', 'url'].map((key) => args[key]).find((value) => value !== undefined)
  const text = (Array.isArray(about) ? about.join(' ') : typeof about === 'string' ? about : '').split('\n', 1)[0] ?? ''
  return text === '' ? primitive : `${primitive} ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`
}
