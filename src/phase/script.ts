/** Phases that are scripts: sent to the machine through one command, which needs neither python nor sftp, and run there by the interpreter that they name. */
import { basename } from 'node:path'
import { InputError, TaskError } from '../errors.ts'
import { readText } from '../vars/index.ts'
import type { LoadedPhase, PhaseHands, PhaseName } from './types.ts'

/** What a script says of itself in a comment `# farm: become timeout=600`. */
interface Wishes {
  readonly become: true | { readonly user: string } | undefined
  readonly timeout: number | undefined
}

/** Lines at the beginning in which such a comment is looked for. */
const HEAD = 20

/**
 * Reads a script.
 * @throws InputError for what no script can be, and for wishes that nobody knows
 */
export async function loadScript(phase: PhaseName, file: string): Promise<LoadedPhase> {
  const text = await readText(file)
  const shebang = /^#!(.*)/.exec(text)?.[1]?.trim()
  const at = (line: number): { file: string; line: number } => ({ file, line })
  if (/^.*\r$/m.test(text.split('\n', 1)[0] ?? '')) throw new InputError('phase-script', `${file} has Windows line ends, which no shell understands`, { location: at(1), hint: `sed -i 's/\\r$//' ${file}` })
  if (shebang !== undefined && !shebang.startsWith('/')) throw new InputError('phase-script', `the first line of ${file} names no interpreter by its absolute path`, { location: at(1), hint: 'write #!/bin/sh' })
  const interpreter = wordsOf(shebang ?? '/bin/sh')
  const { become, timeout } = wishesOf(text, file)
  return { phase, file, files: [file], parts: [{ title: phase, become, timeout, ignoreErrors: false, run: (hands) => runScript(hands, { file, text, interpreter }) }] }
}

/** As Linux has it: the interpreter, and all that follows as one argument. */
function wordsOf(shebang: string): readonly string[] {
  const [, program = shebang, argument] = /^(\S+)\s+(.*)$/.exec(shebang) ?? []
  return argument === undefined ? [program] : [program, argument]
}

function wishesOf(text: string, file: string): Wishes {
  let become: Wishes['become']
  let timeout: number | undefined
  for (const [index, line] of text.split('\n', HEAD).entries()) {
    const wishes = /^#\s*farm:\s*(.*)$/.exec(line)?.[1]
    if (wishes === undefined) continue
    for (const wish of wishes.split(/[\s,]+/).filter(Boolean)) {
      const [, name, value] = /^(\w+)(?:=(.+))?$/.exec(wish) ?? []
      if (name === 'become') become = value === undefined ? true : { user: value }
      else if (name === 'timeout' && Number(value) > 0) timeout = Number(value)
      else throw new InputError('phase-script', `a phase cannot wish for "${wish}"`, { location: { file, line: index + 1 }, hint: 'known: become, become=USER, timeout=SECONDS' })
    }
  }
  return { become, timeout }
}

interface Script {
  readonly file: string
  readonly text: string
  readonly interpreter: readonly string[]
}

/** Exit code of ours: the interpreter is missing. */
const NO_INTERPRETER = 126

async function runScript(hands: PhaseHands, { file, text, interpreter }: Script): Promise<void> {
  const { host } = hands
  const name = basename(file)
  const env = Object.entries(environment(hands)).map(([key, value]) => `${key}=${value}`)
  await host.change({ summary: `run ${name}` }, async ($) => {
    // Its own name, so that its messages begin with it; its own directory, so that nobody else can put something in its place.
    const result = await $({ nothrow: true, input: text })`
      command -v ${interpreter[0]} > /dev/null || { cat > /dev/null; exit ${NO_INTERPRETER}; }
      umask 077
      dir=$(mktemp -d "\${TMPDIR:-/tmp}/farm-phase.XXXXXX")
      trap 'rm -rf "$dir"' EXIT
      trap 'exit 1' HUP INT TERM PIPE
      cat > "$dir"/${name}
      chmod 700 "$dir"/${name}
      umask 022
      cd "\${HOME:-/}"
      code=0
      env ${env} ${interpreter} "$dir"/${name} < /dev/null || code=$?
      exit "$code"`
    if (result.exitCode === 0) return
    const location = { file }
    if (result.exitCode === NO_INTERPRETER && result.stdout === '' && result.stderr === '') {
      throw new TaskError('phase-interpreter', `${name} needs ${interpreter[0]}, which is not there`, { host: host.name, location: { file, line: 1 }, hint: 'install it in the phase before, or write the script for sh' })
    }
    const details = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-20)
    const hint = result.exitCode === 127 ? 'a command of the script is not installed, or not on its PATH' : undefined
    throw new TaskError('phase-failed', `${name}: ${result.exitCode === null ? `ended by ${result.signal ?? 'an unknown cause'}` : `exit code ${result.exitCode}`}`, { host: host.name, location, details, hint })
  })
}

/** What scripts find in their environment. */
function environment({ phase, platform, target, project, status, failure, vars }: PhaseHands): Record<string, string> {
  return {
    ...phaseEnvironment('phase_env' in vars ? vars['phase_env'] : undefined),
    FARM_PHASE: phase,
    FARM_PLATFORM: platform,
    FARM_TARGET: target,
    FARM_PROJECT_ID: project.id,
    FARM_PROJECT_REVISION: project.revision,
    FARM_STATUS: status,
    FARM_ERROR: failure?.message ?? '',
  }
}

/**
 * Reads the variable `phase_env`: what a project wants its scripts to find in their environment.
 * @throws InputError `phase-env` for what is no map of texts, numbers and booleans, and for names that are no names of variables
 */
export function phaseEnvironment(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw new InputError('phase-env', 'phase_env has to be a map of names and values')
  const environment: Record<string, string> = {}
  for (const [name, item] of Object.entries(value as Readonly<Record<string, unknown>>)) {
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new InputError('phase-env', `phase_env: ${JSON.stringify(name)} cannot be the name of an environment variable`)
    if (name.startsWith('FARM_')) throw new InputError('phase-env', `phase_env: ${name} is one of farm's own`, { hint: 'choose a name that does not begin with FARM_' })
    if (typeof item !== 'string' && typeof item !== 'number' && typeof item !== 'boolean') throw new InputError('phase-env', `phase_env: ${name} has to be text, a number or a boolean`)
    if (String(item).includes('\0')) throw new InputError('phase-env', `phase_env: ${name} holds a zero byte, which no environment can`)
    environment[name] = String(item)
  }
  return environment
}
