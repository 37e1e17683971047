import { EXIT, FarmError } from '../../errors.ts'
import { toFailure } from '../../failure.ts'
import { clean, formatFailure, pad, paint, wantsColour, width, type Look } from '../../report/index.ts'
import { command } from '../command.ts'
import type { Check } from '../engine.ts'
import { openFarm } from '../open-farm.ts'
import { FARM_OPTIONS, SHARED } from '../options.ts'

const LOOKS: Readonly<Record<Check['status'], Look>> = { ok: 'green', warning: 'yellow', missing: 'red' }

/** `farm doctor`: what hosts can do, what is missing, and what mends it. */
export default command({
  name: 'doctor',
  summary: 'check what a host can do, and say what mends it',
  usage: '[PATTERN] [-i FILE]… [--json]',
  about: 'Without a pattern all hosts of the inventory are looked at; without an inventory, this computer. Nothing is changed.\nExit code: 0 when machines can be made, 69 when something for it is missing, 4 when a host is not reached.',
  options: { ...FARM_OPTIONS, limit: SHARED.limit, json: SHARED.json },
  words: [0, 1],
  examples: [
    ['farm doctor', 'this computer'],
    ['farm doctor vmhost -i hosts.ini', 'the hypervisors of an inventory'],
  ],
  async run({ words: [pattern = 'all'], options, engine, io, print, printJson }) {
    const colour = wantsColour(io.env, io.stdout)
    const farm = await openFarm({ options, engine, io })
    const hosts = await engine.selectHosts(farm, pattern, options.limit)
    const looked = await Promise.all(
      hosts.map(async (host) => {
        try {
          return { host, checks: await engine.doctor(farm, host, io.signal), failure: undefined }
        } catch (error) {
          if (!(error instanceof FarmError)) throw error
          return { host, checks: [], failure: toFailure(error) }
        }
      }),
    )
    if (options.json) printJson(looked)
    else for (const { host, checks, failure } of looked) print(paint('bold', host, colour), ...(failure === undefined ? showAll(checks, colour) : formatFailure(failure, { colour, prefix: '  ' })), '')
    if (looked.some(({ failure }) => failure !== undefined)) return EXIT.unreachable
    const missing = looked.some(({ checks }) => checks.some(({ status }) => status === 'missing'))
    if (!options.json) print(missing ? 'Something is missing: `farm run provision-cluster` installs what it can, the commands above mend the rest.' : 'Machines can be made here: farm run provision-cluster')
    return missing ? EXIT.noCapacity : EXIT.done
  },
})

function showAll(checks: readonly Check[], colour: boolean): string[] {
  const columns = Math.max(0, ...checks.map(({ name }) => width(name)))
  return checks.flatMap(({ name, status, detail, mend }) => [
    `  ${paint(LOOKS[status], pad(status, 7), colour)}  ${pad(name, columns)}  ${clean(detail)}`,
    ...(mend === undefined ? [] : [`${' '.repeat(columns + 13)}${paint('cyan', clean(mend), colour)}`]),
  ])
}
