import { z } from 'zod'
import { farmWhereVars } from '../src/machine/index.ts'
import { recipe } from '../src/recipe/index.ts'
import { removeFarmFiles, removeMachines } from '../tasks/remove-machines/index.ts'

export default recipe({
  description: 'Remove the machines of a test farm with their disks, snapshots and logs from every hypervisor',
  hosts: 'hypervisors',
  destructive: true,
  vars: farmWhereVars.extend({ vm_purge_image_cache: z.boolean().default(false).describe('Also remove verified images that no machine uses any more') }),
  tasks: [removeMachines, removeFarmFiles],
})
