/**
 * Runs phases of a project on a machine over SSH, with nothing around them: no snapshots, no hypervisor. Prints one line of JSON for
 * each note. Started in a lab's LAN: run-project JSON, see {@link ProjectRun}.
 */
import { packageRoot } from '../../src/paths.ts'
import { bindEnsure } from '../../src/ensure/index.ts'
import { bindHost, connect } from '../../src/host/index.ts'
import { choosePhases, findProject, loadPhases, type LifeStatus, type PhaseHands, type PhaseName } from '../../src/phase/index.ts'
import { importFile } from '../../src/recipe/import.ts'

/** What is run, and where. */
export interface ProjectRun {
  readonly project: string
  readonly phases: readonly PhaseName[]
  readonly platform: string
  readonly target: string
  readonly status?: LifeStatus
  readonly variables: Readonly<Record<string, unknown>>
  /** The machine's SSH server, which knows the controller's key. */
  readonly address: string
  readonly port: number
  readonly hostKey: string
  /** Directory on the controller that relative paths start from. */
  readonly projectDir: string
}

class Skip extends Error {}

async function main(run: ProjectRun): Promise<void> {
  const { platform, target, address, port, variables } = run
  const project = await findProject(run.project, { cwd: packageRoot })
  const loaded = await loadPhases(await choosePhases(project, platform, target), importFile)
  await using connection = await connect({ name: 'guest', connection: 'ssh', address, port, user: 'root', hostKeys: [run.hostKey], timeout: 30 })
  const host = bindHost(connection, { recorder: { check: false, changed: () => undefined, output: () => undefined } })
  const vars = { ...variables }
  const ensure = bindEnsure({ host, templateDirs: [], projectDir: run.projectDir, variables: vars, signal: AbortSignal.timeout(900_000) })
  for (const name of run.phases) {
    const status = run.status ?? 'running'
    const hands: PhaseHands = { phase: name, platform, target, project: { id: 'shipped', revision: '0', dir: project.dir }, hypervisorName: 'lab', status, failure: undefined, host, $: host.$, ensure, vars, skip }
    // What a task has beyond that, as far as phases use it.
    const more = { inventoryHost: 'guest', progress: () => undefined, note: (text: string) => console.log(JSON.stringify(text)), fail: (text: string) => { throw new Error(text) } }
    for (const part of loaded[name]?.parts ?? []) {
      await part.run({ ...hands, ...more }).catch((error: unknown) => {
        if (!(error instanceof Skip)) throw error
      })
    }
  }
}

function skip(reason: string): never {
  throw new Skip(reason)
}

await main(JSON.parse(process.argv[2] ?? '') as ProjectRun)
