import { UsageError } from '../../errors.ts'
import { command } from '../command.ts'
import { openFarm } from '../open-farm.ts'
import { SHARED } from '../options.ts'

/** `farm inventory --list | --host NAME`: the inventory as other programs read it. */
export default command({
  name: 'inventory',
  summary: 'show the inventory as JSON',
  usage: '--list | --host NAME [-i FILE]… [-e VARS]…',
  about: 'The output has the form that Ansible\'s dynamic inventories have.',
  options: {
    list: { kind: 'flag', help: 'all groups and hosts' },
    host: { kind: 'text', value: 'NAME', help: 'the variables of one host' },
    inventory: SHARED.inventory,
    'extra-vars': SHARED['extra-vars'],
  },
  examples: [
    ['farm inventory --list -i hosts.ini', 'groups, hosts and their variables'],
    ['farm inventory --host anemoi', 'what holds for one host'],
  ],
  async run({ options, engine, io, printJson }) {
    if (options.list === (options.host !== undefined)) {
      throw new UsageError('list-or-host', 'farm inventory takes either --list or --host NAME', { hint: 'type: farm inventory --list' })
    }
    const farm = await openFarm({ options, engine, io })
    printJson(options.host === undefined ? await engine.inventoryList(farm) : await engine.hostVars(farm, options.host))
    return 0
  },
})
