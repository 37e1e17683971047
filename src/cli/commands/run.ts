import { InterruptedError } from '../../errors.ts'
import { chooseReport, createJunitReport, createReport, list } from '../../report/index.ts'
import { command, type Io } from '../command.ts'
import { confirm } from '../confirm.ts'
import type { LoadedRecipe } from '../engine.ts'
import { openFarm } from '../open-farm.ts'
import { CONNECTION_OPTIONS, FARM_OPTIONS, GLOBAL_OPTIONS, SHARED, type OptionTable } from '../options.ts'
import { planLines } from '../plan-lines.ts'
import { optionVariables, recipeOptions } from '../recipe-options.ts'
import { callAgain, inSession } from '../session.ts'
import { lender } from '../terminal.ts'

const WHAT = 'Which hosts, which tasks'
const LOOK = 'Look first (no host is changed)'

/** `farm run RECIPE`: the main job. */
const run = command({
  name: 'run',
  summary: 'run a recipe on the hosts of an inventory',
  usage: 'RECIPE [options]',
  about: 'RECIPE is a name from `farm list`, or the path of a recipe file of your own. Its variables are options too: `farm run RECIPE --help` lists them.',
  options: {
    limit: { ...SHARED.limit, group: WHAT },
    tags: { kind: 'words', short: 't', value: 'TAGS', help: 'only tasks with one of these tags, and those tagged `always`; repeatable', group: WHAT },
    'skip-tags': { kind: 'words', value: 'TAGS', help: 'no task with one of these tags; repeatable', group: WHAT },
    'start-at-task': { kind: 'text', value: 'NAME', help: 'begin with this task; `*` stands for any text', group: WHAT },
    'allow-unknown-tags': { kind: 'flag', help: 'a tag that no task has is no error', group: WHAT },
    check: { kind: 'flag', short: 'C', help: 'change nothing, show what would change; exit code 3 when something would', group: LOOK },
    diff: { kind: 'flag', short: 'D', help: 'show the difference of every change', group: LOOK },
    'list-hosts': { kind: 'flag', help: 'show the hosts, and reach none', group: LOOK },
    'list-tasks': { kind: 'flag', help: 'show the tasks with their tags, and reach no host', group: LOOK },
    'list-tags': { kind: 'flag', help: 'show all tags, and reach no host', group: LOOK },
    'syntax-check': { kind: 'flag', help: 'check recipe, tags and every host\'s variables, and reach no host', group: LOOK },
    ...CONNECTION_OPTIONS,
    ...FARM_OPTIONS,
    forks: { kind: 'integer', short: 'f', value: 'N', least: 1, most: 1000, help: 'hosts at once (default: 10)' },
    'force-handlers': { kind: 'flag', help: 'run notified handlers on hosts that have failed, too' },
    yes: { kind: 'flag', help: 'do not ask before taking things away' },
    quiet: { kind: 'flag', short: 'q', help: 'only failures and results' },
    json: { kind: 'flag', help: 'print events for scripts, one JSON object a line' },
    junit: { kind: 'text', value: 'FILE', help: 'write a JUnit report: a test suite for each host, a test case for each task' },
    verbose: { ...GLOBAL_OPTIONS.verbose, help: '-v: what commands print; -vv: each task\'s beginning too, and stacks of unexpected errors' },
  },
  words: [1, 1],
  examples: [
    ['farm run provision-cluster', 'two machines on this computer'],
    ['farm run provision-cluster -i hosts.ini --check', 'what would be done on your hypervisors'],
    ['farm run provision-cluster -e vm_mem=2048', 'with another value of a variable'],
    ['farm run provision-cluster --list-tasks', 'its tasks and their tags'],
    ['farm run unprovision-cluster', 'take every trace away'],
  ],
  moreOptions: (argv, engine) => recipeOptions(argv, OWN, engine),
  async run(context) {
    const { words: [name = ''], options, engine, io, print, printJson } = context
    const selection = {
      limit: options.limit,
      tags: options.tags,
      skipTags: options['skip-tags'],
      startAt: options['start-at-task'],
      allowUnknownTags: options['allow-unknown-tags'],
    }
    const wanted = { hosts: options['list-hosts'], tasks: options['list-tasks'], tags: options['list-tags'], check: options['syntax-check'] }
    if (Object.values(wanted).includes(true)) {
      const recipe = await engine.findRecipe(name)
      const variables = await optionVariables(options, OWN, () => engine.describeVars(recipe))
      const farm = await openFarm({ options, engine, io }, { reachesHosts: false, variables })
      const plan = await engine.plan(farm, { recipe, ...selection })
      if (options.json) printJson(plan)
      else print(...planLines(recipe.name, plan, wanted))
      return 0
    }
    const junit = options.junit === undefined ? undefined : await createJunitReport(options.junit)
    const { kind, ...look } = chooseReport(io.env, io.stdout, { json: options.json, quiet: options.quiet })
    const report = await createReport(kind, { out: io.stdout, err: io.stderr }, { ...look, diff: options.diff, verbosity: options.verbose })
    return inSession(context, report, kind === 'json', async ({ sink, warn, begin }) => {
      const recipe = await engine.findRecipe(name)
      const variables = await optionVariables(options, OWN, () => engine.describeVars(recipe))
      const farm = await openFarm({ options, engine, io }, { warn, variables })
      const destructive = recipe.recipes.some((part) => part.destructive)
      if (destructive && !options.check && !options.yes && io.stdin.isTTY === true) {
        const plan = await engine.plan(farm, { recipe, ...selection })
        await ask(recipe, [...new Set(plan.stages.flatMap((stage) => stage.hosts))], io)
      }
      return engine.run(farm, {
        recipe,
        ...selection,
        run: await begin(recipe.name),
        check: options.check,
        forks: options.forks ?? 10,
        forceHandlers: options['force-handlers'],
        sink,
        signal: io.signal,
        again: callAgain({ options, io }),
        lendTerminal: io.stdin.isTTY === true && io.stdout.isTTY === true ? lender(report) : undefined,
      })
    }, junit)
  },
})

export default run

/** The options that no variable of a recipe takes the name of. */
const OWN: OptionTable = { ...GLOBAL_OPTIONS, ...run.options }

/** A person at a terminal is asked; a script has made up its mind. Where nothing would be touched nobody is. */
async function ask({ name, description }: LoadedRecipe, hosts: readonly string[], io: Io): Promise<void> {
  if (hosts.length === 0) return
  io.stderr.write(`${name}: ${description}\n  on: ${list(hosts, 20)}\n`)
  if (!(await confirm('Go on?', io))) throw new InterruptedError('nothing was done', { hint: 'answer y, or type --yes' })
}
