/** A process that builds a lab, says where, and stays until it is killed; see rig.test.ts. */
import { Lab } from './index.ts'

const lab = await Lab.create({ hosts: ['anemoi'] })
process.stdout.write(`${JSON.stringify({ dir: lab.dir, root: lab.host('anemoi').path('') })}\n`)
setInterval(() => undefined, 1_000)
