import { InputError, UsageError } from '../../errors.ts'
import { wantsColour } from '../../report/index.ts'
import { mask, masked } from '../../secrets.ts'
import { command } from '../command.ts'
import { explainJson, explainLines } from '../explain.ts'
import { openFarm } from '../open-farm.ts'
import { SHARED, VAULT_OPTIONS } from '../options.ts'

/** `farm inventory`: the inventory as other programs read it, and why a host's variables are what they are. */
export default command({
  name: 'inventory',
  summary: 'show groups, hosts and their variables',
  usage: '--list | --host NAME [--explain [VARIABLE]…] | --graph [GROUP] [--vars] | --yaml [-l PATTERN] [-i FILE]… [-e VARS]…',
  about: 'Lists, graphs and YAML have the form in which ansible-inventory prints them; values are shown as they are written.',
  options: {
    list: { kind: 'flag', help: 'all groups, hosts and variables as JSON' },
    host: { kind: 'text', value: 'NAME', help: 'the variables of one host as JSON' },
    graph: { kind: 'flag', help: 'groups and hosts as a tree, from GROUP down' },
    vars: { kind: 'flag', help: 'with --graph: variables, too' },
    yaml: { kind: 'flag', short: 'y', help: 'YAML in place of JSON' },
    explain: { kind: 'flag', help: 'with --host: every place that sets a variable, and which one wins' },
    strict: { kind: 'flag', help: 'what is only warned about is an error' },
    json: SHARED.json,
    inventory: SHARED.inventory,
    limit: SHARED.limit,
    'extra-vars': SHARED['extra-vars'],
    ...VAULT_OPTIONS,
  },
  words: [0, Infinity],
  examples: [
    ['farm inventory --list -i hosts.ini', 'groups, hosts and their variables'],
    ['farm inventory --host anemoi', 'what holds for one host'],
    ['farm inventory --host anemoi --explain vm_mem', 'where vm_mem is set, and which value counts'],
    ['farm inventory --graph vmhost --vars', 'a tree'],
  ],
  async run({ words, options, engine, io, print, printJson }) {
    checkOptions(options, words)
    const farm = await openFarm({ options, engine, io }, { reachesHosts: false })
    if (options.strict && farm.warnings.length > 0) {
      throw new InputError('inventory-warnings', `the inventory has ${farm.warnings.length === 1 ? 'a warning' : `${farm.warnings.length} warnings`}, and --strict was given`)
    }
    const hosts = options.limit === undefined ? undefined : await engine.selectHosts(farm, 'all', options.limit)
    const { host } = options
    if (host !== undefined && hosts?.includes(host) === false) throw new InputError('no-hosts', `the limit ${JSON.stringify(options.limit)} leaves out ${host}`)
    if (options.graph) print(...(await engine.inventoryGraph(farm, words[0], { vars: options.vars, hosts })).map(mask))
    else if (options.explain && host !== undefined) {
      const variables = await engine.explainVars(farm, host, words)
      if (options.json) printJson(masked(explainJson(host, variables)))
      else print(...explainLines(variables, process.cwd(), wantsColour(io.env, io.stdout)).map(mask))
    } else if (options.yaml) print(mask((await engine.inventoryYaml(farm, { host, hosts })).trimEnd()))
    else printJson(masked(host === undefined ? await engine.inventoryList(farm, hosts) : await engine.hostVars(farm, host)))
    return 0
  },
})

interface Given {
  readonly list: boolean
  readonly host: string | undefined
  readonly graph: boolean
  readonly vars: boolean
  readonly yaml: boolean
  readonly explain: boolean
}

function checkOptions({ list, host, graph, vars, yaml, explain }: Given, words: readonly string[]): void {
  const actions = [list, host !== undefined, graph].filter(Boolean).length
  if (actions > 1 || (actions === 0 && !yaml)) {
    throw new UsageError('list-or-host', 'farm inventory takes one of --list, --host NAME, --graph and --yaml', { hint: 'type: farm inventory --list' })
  }
  if (explain && host === undefined) throw new UsageError('explain-host', '--explain needs a host', { hint: 'type: farm inventory --host NAME --explain' })
  if (explain && yaml) throw new UsageError('explain-form', '--explain cannot be YAML', { hint: 'leave --yaml out, or take --json' })
  if (vars && !graph) throw new UsageError('vars-graph', '--vars belongs to --graph', { hint: 'type: farm inventory --graph --vars' })
  const extra = words[graph ? 1 : explain ? words.length : 0]
  if (extra !== undefined) throw new UsageError('needless-word', `farm inventory does not know what to do with "${extra}"`, { hint: 'usage: farm inventory --list | --host NAME | --graph [GROUP]' })
}
