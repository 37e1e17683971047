/** One farm at a time on one machine. */
import { lockScope, type HostLock } from '../../src/hypervisor/index.ts'
import { machineUuid } from '../../src/machine/index.ts'
import type { TaskContext } from '../../src/recipe/index.ts'

/** Takes the lock of a farm's machine, on its hypervisor. @throws TemporaryError `locked` that names who has it */
export function lockMachine({ host, owner, vars }: Pick<TaskContext<{ readonly farm_name: string }>, 'host' | 'owner' | 'vars'>, name: string): Promise<HostLock> {
  return lockScope(host, `${owner} (pid ${process.pid}) since ${new Date().toISOString()}`, { name: machineUuid(vars.farm_name, name), what: `machine ${name}`, wait: 0 })
}
