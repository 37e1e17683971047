import { machineVars, placementVars } from '../src/machine/index.ts'
import { findProject, parsePhases } from '../src/phase/index.ts'
import { block, recipe, sequence } from '../src/recipe/index.ts'
import { concludePlacement, placeMachines, probeHypervisor } from '../tasks/place-machines/index.ts'
import { concludeMachines, createClean, createInit, getImage, leave, look, makeMachine, phase, restoreClean, restoreInit, shutdown, startup, waitForGuest } from '../tasks/test-machine/index.ts'

const place = recipe({
  description: 'Decide which machine runs on which hypervisor',
  hosts: 'hypervisors',
  vars: placementVars,
  lock: false,
  strategy: 'lock-step',
  addsHosts: true,
  interactive: ({ shell_after }) => shell_after !== undefined,
  conclude: concludePlacement,
  async validate({ phases, phases_lookup_dir_path: project }) {
    parsePhases(phases ?? [])
    if (project !== undefined) await findProject(project)
  },
  tasks: [probeHypervisor, placeMachines],
})

const run = recipe({
  description: 'Take every machine through its life',
  hosts: 'farm_placed',
  vars: machineVars,
  lock: false,
  interactive: ({ shell_after }) => shell_after !== undefined,
  validate: ({ phases, allowed_phases: allowed }) => void [phases, allowed].map((words) => parsePhases(words ?? [])),
  tasks: [
    block('machine', {
      tasks: [
        look,
        getImage,
        makeMachine,
        block('life', {
          tasks: [
            startup,
            waitForGuest,
            block('phases', {
              tasks: [restoreInit, restoreClean, createClean, phase('dependencies'), phase('init'), createInit, phase('main')],
              always: [phase('terminate')],
            }),
          ],
          always: [shutdown],
        }),
      ],
      always: [leave],
    }),
  ],
  conclude: concludeMachines,
})

export default sequence('Build and test a project on every platform and target', [place, run])
