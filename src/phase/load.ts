/** Reads a phase file and checks it: TypeScript, a script, or a list of steps. */
import { extname } from 'node:path'
import { InputError } from '../errors.ts'
import type { ChosenPhases } from './lookup.ts'
import { loadScript } from './script.ts'
import { loadSteps } from './steps.ts'
import { PHASES, type ImportModule, type LoadedPhase, type PhaseDefinition, type PhaseHands, type PhaseName } from './types.ts'

/**
 * Loads one phase.
 * @throws InputError with the place of the mistake
 */
export async function loadPhase(phase: PhaseName, file: string, importModule: ImportModule): Promise<LoadedPhase> {
  switch (extname(file)) {
    case '.sh':
      return loadScript(phase, file)
    case '.yaml':
    case '.yml':
      return loadSteps(phase, file)
    default:
      return loadModule(phase, file, importModule)
  }
}

/** Loads all phases that were chosen for a machine, so that a mistake in any of them shows before any machine is started. */
export async function loadPhases({ files }: Pick<ChosenPhases, 'files'>, importModule: ImportModule): Promise<Readonly<Record<PhaseName, LoadedPhase | undefined>>> {
  const loaded = await Promise.all(PHASES.map(async (phase) => [phase, files[phase] === undefined ? undefined : await loadPhase(phase, files[phase], importModule)] as const))
  return Object.fromEntries(loaded) as Record<PhaseName, LoadedPhase | undefined>
}

async function loadModule(phase: PhaseName, file: string, importModule: ImportModule): Promise<LoadedPhase> {
  const exported = (await importModule(file))['default']
  if (!isPhase(exported)) {
    throw new InputError('not-a-phase', `${file} has no phase as its default export`, { location: { file }, hint: "write `export default phase(async ({ $ }) => { … })`, with `import { phase } from 'farm'`" })
  }
  const { description, become, timeout } = exported.options
  return { phase, file, files: [file], parts: [{ title: description ?? phase, become, timeout, ignoreErrors: false, run: (hands: PhaseHands) => exported.run(hands) }] }
}

function isPhase(value: unknown): value is PhaseDefinition<PhaseHands> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'phase' && 'run' in value && typeof value.run === 'function' && 'options' in value
}
