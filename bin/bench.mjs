// `npm run bench -- NAME [arguments]`: measures what the README quotes. Without a name: all of them, one after the other.
// Each is a file of bench/; what they share is in bench/parts/.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { prepare, root, run, stop } from './prepare.mjs'

prepare()
const folder = join(root, 'dist', 'bench')
const names = readdirSync(join(root, 'bench')).filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3))
const [wanted, ...args] = process.argv.slice(2)
if (wanted !== undefined && !names.includes(wanted)) stop(`there is no bench "${wanted}"`, `known: ${names.join(', ') || 'none'}`)
for (const name of wanted === undefined ? names : [wanted]) {
  const code = await run(process.execPath, [join(folder, `${name}.js`), ...args])
  if (code !== 0) process.exitCode = code
}
