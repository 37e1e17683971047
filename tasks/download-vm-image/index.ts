/** Role: the base image stands verified in the host's cache, downloaded or built. */
import { ensureImage } from '../../src/image/index.ts'
import type { ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { clusterPaths, imageSpec } from '../shared/cluster.ts'

export const fetchImage = task<ClusterVars>('download-vm-image: get the base image', async ({ host, hypervisor, vars, progress, signal }) => {
  const facts = await hypervisor.facts(clusterPaths(vars))
  await ensureImage(host, imageSpec(vars, facts, host.name), { cacheDir: vars.vm_image_cache, progress, signal })
})
