/** Role: temporary files go; with vm_purge_image_cache also images that nobody uses. */
import { TaskError } from '../../src/errors.ts'
import type { UnprovisionVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { purgeImages, removeWorkingFiles } from '../../src/image/index.ts'
import { removeOwnDirectory } from '../shared/own-directory.ts'
import { imagesInUse } from '../shared/used.ts'

export const cleanUp = task<UnprovisionVars>('cleanup-tmp-workdir: remove temporary files', async ({ host, vars }) => {
  await removeWorkingFiles(host, vars.vm_working_dir)
  await removeOwnDirectory(host, vars.vm_console_dir)
})

export const purgeCache = task<UnprovisionVars>('cleanup-tmp-workdir: purge the image cache', async ({ host, hypervisor, vars, skip }) => {
  if (!vars.vm_purge_image_cache) skip('verified images are kept; vm_purge_image_cache: true removes those that no machine uses')
  const cache = vars.vm_image_cache
  // Silence must not pass for "nobody uses them".
  const answer = await hypervisor.virsh.version()
  if (answer.version === undefined) throw new TaskError('libvirt-silent', `the image cache is not purged, since libvirt does not say who uses it: ${answer.reason}`, { host: host.name, hint: 'start libvirt and run again' })
  await purgeImages(host, cache, await imagesInUse(hypervisor, cache))
})
