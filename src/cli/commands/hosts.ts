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
    ...VAULT_OPTIONS,
  },
  words: [1, 1],
  examples: [
    ["farm hosts 'vmhost:!old*'", 'one name a line'],
    ['farm hosts all --limit anemoi', 'as a run with this limit would select'],
  ],
  async run({ words: [pattern = ''], options, engine, io, print, printJson }) {
    const farm = await openFarm({ options, engine, io }, { reachesHosts: false })
    const hosts = await engine.selectHosts(farm, pattern, options.limit)
    if (options.json) printJson(hosts)
    else print(...hosts)
    return 0
  },
})
