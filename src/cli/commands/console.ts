import { command } from '../command.ts'
import { findMachine, mustRun } from '../find-machine.ts'
import { openFarm } from '../open-farm.ts'
import { FARM_OPTIONS } from '../options.ts'

/** `farm console NAME`: a machine's serial console. */
export default command({
  name: 'console',
  summary: 'attach to the serial console of a machine',
  usage: '[-i FILE]… NAME[@HOST]',
  about: 'Leave it with Ctrl and ].',
  options: { ...FARM_OPTIONS },
  words: [1, 1],
  examples: [['farm console boreas', 'see it boot, log in where SSH does not answer']],
  async run({ words: [name = ''], options, engine, io }) {
    const farm = await openFarm({ options, engine, io })
    const machine = findMachine(await engine.machines(farm, io.signal), name)
    mustRun(machine)
    return engine.console(machine, io.signal)
  },
})
