import { command } from '../command.ts'
import { version } from '../version.ts'

/** `farm version`. */
export default command({
  name: 'version',
  summary: 'show the version of farm and of Node',
  usage: '',
  options: {},
  examples: [],
  run({ print }) {
    print(`farm ${version()} (Node ${process.version})`)
    return Promise.resolve(0)
  },
})
