/** Builds VDE, installs it into /opt/vde, and asks it for its version. */
import { phase } from 'farm'

const SOURCE = '/usr/local/src/vde'
const PREFIX = '/opt/vde'
const LOG = '/var/tmp/vde-build.log'

export default phase({ description: 'build VDE', become: true, timeout: 3600 }, async ({ $, host, ensure, vars, progress, note, fail }) => {
  /** All that a step prints goes to the log; when it fails, the end of it into the message. */
  const step = async (...command: readonly string[]): Promise<void> => {
    progress(command.slice(0, 2).join(' '))
    await $`cd ${SOURCE} && ${command} >> ${LOG} 2>&1 || { tail -n 20 ${LOG} >&2; exit 1; }`
  }
  await $`rm -f ${LOG}`

  // What is in the snapshot may be of yesterday.
  const repository = 'repository' in vars ? String(vars['repository']) : ''
  if (repository !== '' && (await ensure.git({ repo: repository, dest: SOURCE, recursive: true, force: true })).changed) await step('autoreconf', '-fis')

  await step('./configure', `--prefix=${PREFIX}`, '--disable-python')
  // Its makefiles do not know all that they depend on: one job at a time.
  await step('make')
  await step('make', 'install')

  const { stdout } = await host.query`${PREFIX}/bin/vde_switch --version`
  if (!stdout.startsWith('VDE ')) fail(`vde_switch --version says ${JSON.stringify(stdout)}`)
  note(stdout.split('\n')[0] ?? '')
})
