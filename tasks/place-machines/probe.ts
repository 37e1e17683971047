/** One hypervisor is looked over. Whatever is wrong with it is its own trouble: the others get its machines. */
import { askOf, farmDirs, surveyHypervisor, type PlacementVars } from '../../src/machine/index.ts'
import { libvirtUri } from '../../src/hypervisor/index.ts'
import { FarmError, InterruptedError } from '../../src/errors.ts'
import { task } from '../../src/recipe/index.ts'
import { farmState } from '../shared/farm-state.ts'
import { startLibvirt } from '../virtualization-services/index.ts'

export const probeHypervisor = task<PlacementVars>('look at what the hypervisor can do', { ignoreUnreachable: true, ignoreErrors: true }, async (context) => {
  const { host, vars } = context
  const home = (await host.query`cd; pwd`).stdout.trim()
  const state = farmState(context)
  const dirs = farmDirs(vars, home)
  const own = { uri: libvirtUri(vars), dirs, machinesAtOnce: vars.machines_at_once }
  try {
    if (vars.prepare_hypervisors && own.uri === 'qemu:///system') await startLibvirt(context)
    const survey = await surveyHypervisor(context.hypervisor, { farmName: vars.farm_name, poolDir: dirs.pool })
    if ('problem' in survey) context.note('warning', `${host.name} gets no machines: ${survey.problem}`)
    state.probed.set(host.name, { ...own, survey, ask: askOf(context.hypervisor) })
  } catch (error) {
    if (!(error instanceof FarmError) || error instanceof InterruptedError) throw error
    state.probed.set(host.name, { ...own, survey: { name: host.name, problem: error.message }, ask: (known) => Promise.resolve(known) })
    throw error
  }
})
