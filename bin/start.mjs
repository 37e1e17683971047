// `npm start`: from a bare checkout to a cluster of machines. Arguments are passed on: `npm start -- -e vm_mem=2048`.
import { join } from 'node:path'
import { prepare, root, run } from './prepare.mjs'

prepare()
process.exitCode = await run(process.execPath, [join(root, 'bin', 'farm'), 'run', 'provision-cluster', ...process.argv.slice(2)])
