import { InputError } from '../../errors.ts'
import { command } from '../command.ts'
import { openFarm } from '../open-farm.ts'
import { SHARED, VAULT_OPTIONS } from '../options.ts'

/** `farm hosts PATTERN`: which hosts a pattern selects. */
export default command({
  name: 'hosts',
  summary: 'show which hosts a pattern selects',
  usage: 'PATTERN [-l PATTERN] [-i FILE]…',
  options: {
    inventory: SHARED.inventory,
    limit: SHARED.limit,
    json: SHARED.json,
    strict: { kind: 'flag', help: 'a name that is neither a host nor a group is an error' },
    ...VAULT_OPTIONS,
  },
  words: [1, 1],
  // As in Ansible: all hosts.
  emptyWords: true,
  examples: [
    ["farm hosts 'vmhost:!old*'", 'one name a line'],
    ['farm hosts all --limit anemoi', 'as a run with this limit would select'],
  ],
  async run({ words: [pattern = ''], options, engine, io, print, printJson }) {
    const farm = await openFarm({ options, engine, io }, { reachesHosts: false })
    const hosts = await engine.selectHosts(farm, pattern, options.limit).catch((error: unknown) => {
      if (options.strict || !(error instanceof InputError) || error.code !== 'unknown-host') throw error
      // Whoever only looks is told; a run refuses.
      io.stderr.write(`farm: warning: ${error.message}; it matches nothing${error.hint === undefined ? '' : ` (${error.hint})`}\n`)
      return engine.selectHosts(farm, pattern, options.limit, true)
    })
    if (options.json) printJson(hosts)
    else print(...hosts)
    return 0
  },
})
