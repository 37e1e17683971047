/** Takes the log of a build that failed to logs/ on the controller. */
import { phase } from 'farm'

const LOG = '/var/tmp/vde-build.log'

export default phase({ description: 'fetch the log', become: true }, async ({ host, inventoryHost, ensure, status, skip, note }) => {
  if (status !== 'failed') skip('there is nothing to look into')
  if ((await host.query({ nothrow: true })`test -f ${LOG}`).exitCode !== 0) skip('it failed before the build')
  await ensure.fetch({ src: LOG, dest: `logs/${inventoryHost}/` })
  note(`the log of the build: logs/${inventoryHost}/vde-build.log`)
})
