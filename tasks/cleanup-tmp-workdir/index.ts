/** Role: temporary files go; with vm_purge_image_cache also images that nobody uses. */
import type { UnprovisionVars } from '../../src/machine/index.ts'
import { task } from '../../src/recipe/index.ts'
import { purgeImages, removeWorkingFiles } from '../../src/image/index.ts'
import { directory } from '../shared/cluster.ts'

export const cleanUp = task<UnprovisionVars>('cleanup-tmp-workdir: remove temporary files', async ({ host, vars }) => {
  await removeWorkingFiles(host, directory(vars.vm_working_dir))
  const consoles = directory(vars.vm_console_dir)
  const empty = await host.query({ nothrow: true })`[ -d ${consoles} ] && [ -z "$(ls -A ${consoles})" ]`
  if (empty.exitCode === 0) await host.change({ summary: `remove directory ${consoles}` }, ($) => $`rmdir ${consoles}`)
})

export const purgeCache = task<UnprovisionVars>('cleanup-tmp-workdir: purge the image cache', async ({ host, hypervisor, vars, skip }) => {
  if (!vars.vm_purge_image_cache) skip('verified images are kept; vm_purge_image_cache: true removes those that no machine uses')
  const inUse = new Set([...(await hypervisor.domains.list()).values()].flatMap((domain) => (domain.mark === undefined ? [] : [domain.mark.image])))
  await purgeImages(host, directory(vars.vm_image_cache), inUse)
})
