import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EXIT } from '../../errors.ts'
import { toFailure } from '../../failure.ts'
import { formatFailure, wantsColour } from '../../report/index.ts'
import { stateDir } from '../../paths.ts'
import { command } from '../command.ts'
import type { MachineStatus } from '../engine.ts'
import { findMachine } from '../find-machine.ts'
import { openFarm } from '../open-farm.ts'
import { FARM_OPTIONS } from '../options.ts'
import { knownHosts, sshConfig } from '../ssh-config.ts'

/** `farm ssh-config [NAME…]`: machines as OpenSSH configuration. */
export default command({
  name: 'ssh-config',
  summary: 'print the machines as OpenSSH configuration',
  usage: '[NAME[@HOST]…] [-i FILE]…',
  about: 'The host keys of all machines are written to a known_hosts file in $XDG_STATE_HOME/farm, which the configuration names.',
  options: { ...FARM_OPTIONS },
  words: [0, Infinity],
  examples: [
    ['farm ssh-config > ~/.ssh/farm.conf', 'with `Include farm.conf` on top of ~/.ssh/config: ssh boreas'],
    ['ssh -F <(farm ssh-config) boreas', 'without touching your own configuration'],
  ],
  async run({ words, options, engine, io }) {
    const farm = await openFarm({ options, engine, io })
    const known = await engine.machines(farm, io.signal)
    const { machines, unreachable } = known
    const wanted = words.length === 0 ? machines : words.map((name) => findMachine(known, name))
    const reaches = await Promise.all(
      wanted
        .filter(({ address }) => address !== '')
        .map(async (machine) => ({ machine, hypervisor: await engine.hostSpec(farm, machine.host) })),
    )
    const file = join(stateDir(), 'known_hosts')
    await writeKnownHosts(file, machines)
    io.stdout.write(sshConfig(reaches, file))
    for (const { host, error } of unreachable) {
      io.stderr.write(`${formatFailure({ ...toFailure(error), host }, { colour: wantsColour(io.env, io.stderr) }).join('\n')}\n`)
    }
    return unreachable.length > 0 ? EXIT.unreachable : EXIT.done
  },
})

/** Written beside and renamed, so that an ssh that reads it meanwhile sees a whole file. */
async function writeKnownHosts(file: string, machines: readonly MachineStatus[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const fresh = `${file}.${process.pid}`
  await writeFile(fresh, knownHosts(machines), { mode: 0o600 })
  await rename(fresh, file)
}
