// `npm start`: from a bare checkout to a cluster of machines. Arguments are passed on: `npm start -- -e vm_mem=2048`.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { prepare, root, run } from './prepare.mjs'

prepare()
process.exitCode = await run(process.execPath, [join(root, 'bin', 'farm'), 'run', 'provision-cluster', ...askForPassword(), ...process.argv.slice(2)])

/** A user whose sudo wants a password is asked for it; root, sudo without one, and scripts are not. */
function askForPassword() {
  if (process.getuid?.() === 0 || !process.stdin.isTTY) return []
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 1 ? ['-K'] : []
}
