import { command } from '../command.ts'
import { findMachine, mustHaveAddress, mustRun } from '../find-machine.ts'
import { openFarm } from '../open-farm.ts'
import { FARM_OPTIONS } from '../options.ts'

/** `farm ssh NAME [command]`: a login, or one command, in a machine. */
export default command({
  name: 'ssh',
  summary: 'log in to a machine, or run a command in it',
  usage: '[-i FILE]… NAME[@HOST] [COMMAND…]',
  about: 'Everything behind NAME is the command; options of farm stand before it. One word is read by the machine\'s shell; of several\neach arrives as it was typed. The exit code is the command\'s.',
  options: { ...FARM_OPTIONS },
  words: [1, 1],
  ownWords: 1,
  examples: [
    ['farm ssh boreas', 'a shell in boreas'],
    ['farm ssh boreas uname -a', 'one command'],
    ["farm ssh boreas 'journalctl -b | tail'", 'a line for the shell of boreas'],
  ],
  async run({ words: [name = ''], rest, options, engine, io }) {
    const farm = await openFarm({ options, engine, io })
    const machine = findMachine(await engine.machines(farm, io.signal), name)
    mustRun(machine)
    mustHaveAddress(machine)
    const words = rest?.[0] === '--' ? rest.slice(1) : rest
    return engine.ssh(machine, words === undefined || words.length === 0 ? undefined : words, io.signal)
  },
})
