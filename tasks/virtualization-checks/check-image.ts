import { CapacityError } from '../../src/errors.ts'
import { checkImageSource, inspectImage } from '../../src/image/index.ts'
import type { ClusterVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { clusterPaths, imageSpec } from '../shared/cluster.ts'

/** Sees that the image can be had: in the cache already, or its address answers and its checksum is listed. */
export const checkImage = task<ClusterVars>('virtualization-checks: check the image source', async ({ host, hypervisor, vars, skip }) => {
  const facts = await hypervisor.facts(clusterPaths(vars))
  const spec = imageSpec(vars, facts, host.name)
  if ((await inspectImage(host, spec, vars.vm_image_cache)) !== undefined) return
  if (spec.kind === 'download' && !facts.programs.has('curl') && !facts.programs.has('wget')) skip('there is no curl or wget yet to ask with')
  if (spec.kind === 'build' && !facts.programs.has('mmdebstrap')) skip('mmdebstrap is installed first')
  const { size } = await checkImageSource(host, spec)
  const cache = vars.vm_image_cache
  const needed = Math.ceil((size ?? 0) / 2 ** 20)
  const free = facts.free.get(cache) ?? 0
  if (needed > free) {
    throw new CapacityError('no-space', `the image needs ${needed} MiB in ${cache}, but ${free} MiB are free`, { host: host.name, hint: 'make room, or set vm_image_cache to a directory on a larger file system' })
  }
})
