import { wantsColour } from '../../report/index.ts'
import { command } from '../command.ts'
import { loadCommand } from '../commands.ts'
import { commandHelp, overview } from '../help.ts'

/** `farm help [COMMAND]`. */
export default command({
  name: 'help',
  summary: 'show what farm can do, or how a command is used',
  usage: '[COMMAND]',
  options: {},
  words: [0, 1],
  examples: [['farm help run', 'all about `farm run`']],
  async run({ words: [name], io, print }) {
    const colour = wantsColour(io.env, io.stdout)
    print(...(name === undefined ? await overview(colour) : commandHelp(await loadCommand(name), colour)))
    return 0
  },
})
