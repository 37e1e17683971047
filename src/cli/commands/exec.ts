import { UsageError } from '../../errors.ts'
import { createOutputReport, createReport, wantsColour } from '../../report/index.ts'
import { command } from '../command.ts'
import { loadOneCommand } from '../lazy.ts'
import { openFarm } from '../open-farm.ts'
import { CONNECTION_OPTIONS, FARM_OPTIONS, GLOBAL_OPTIONS, SHARED } from '../options.ts'
import { callAgain, inSession } from '../session.ts'

/** `farm exec PATTERN -- COMMAND`: one command on many hosts. */
export default command({
  name: 'exec',
  summary: 'run one command on many hosts',
  usage: 'PATTERN [options] -- COMMAND…',
  about: [
    'One word behind `--` is a line for the shell of the hosts: pipes and variables are theirs. Of several words each arrives as it was',
    'typed. What a command prints comes out as `[host] line`, where it was printed: on standard output or on standard error; all that farm',
    'says goes to standard error. Exit code: 0, 2 when the command failed on a host, 4 when hosts were not reached.',
  ].join(' '),
  options: {
    limit: SHARED.limit,
    forks: { kind: 'integer', short: 'f', value: 'N', least: 1, most: 1000, help: 'hosts at once (default: 50)' },
    'command-timeout': { kind: 'integer', value: 'SECONDS', least: 1, most: 2_000_000, help: 'end the command after so long' },
    group: { kind: 'flag', short: 'g', help: 'show output in the end; hosts that printed the same share it' },
    check: { kind: 'flag', short: 'C', help: 'run nothing, show where it would run; exit code 3' },
    ...CONNECTION_OPTIONS,
    ...FARM_OPTIONS,
    json: { kind: 'flag', help: 'print events for scripts, one JSON object a line' },
    verbose: { ...GLOBAL_OPTIONS.verbose, help: '-v: how long each host took; -vv: stacks of unexpected errors' },
  },
  words: [0, Infinity],
  ownRest: true,
  examples: [
    ['farm exec all -i hosts.ini -- uptime', 'on every host'],
    ["farm exec web -b -- 'journalctl -b | grep -c error'", 'a line for the shell, as root'],
    ['farm exec all --group -- uname -r', 'which hosts have the same kernel'],
  ],
  async run(context) {
    const { words, rest, options, engine, io } = context
    const [pattern, ...more] = words
    if (pattern === undefined || rest === undefined || rest.length === 0 || more.length > 0) throw incomplete(words, rest)
    const streams = { out: io.stdout, err: io.stderr }
    const report = options.json
      ? await createReport('json', streams)
      : await createOutputReport(streams, { colour: wantsColour(io.env, io.stdout), group: options.group, verbosity: options.verbose })
    return inSession(context, report, options.json, async ({ sink, warn, begin }) => {
      const [{ oneCommand }, farm] = await Promise.all([loadOneCommand(), openFarm({ options, engine, io }, { warn })])
      const recipe = oneCommand({ words: rest, pattern, timeout: options['command-timeout'] })
      return engine.run(farm, {
        recipe: { name: 'exec', recipes: [recipe] },
        limit: options.limit,
        tags: [],
        skipTags: [],
        startAt: undefined,
        allowUnknownTags: false,
        run: await begin('exec'),
        check: options.check,
        forks: options.forks ?? 50,
        forceHandlers: false,
        sink,
        signal: io.signal,
        again: callAgain({ options, io }),
      })
    })
  },
})

function incomplete(words: readonly string[], rest: readonly string[] | undefined): UsageError {
  const [pattern, ...command] = words
  if (pattern === undefined) return new UsageError('missing-word', 'farm exec needs a pattern of hosts', { hint: 'usage: farm exec PATTERN [options] -- COMMAND…' })
  if (command.length > 0) {
    const all = [...command, ...(rest ?? [])].join(' ')
    return new UsageError('needless-word', `farm exec takes one pattern; "${command[0] ?? ''}" is one word too many`, { hint: `the command stands behind two dashes: farm exec ${pattern} -- ${all}` })
  }
  return new UsageError('missing-word', 'farm exec needs a command', { hint: `type it behind two dashes: farm exec ${pattern} -- uptime` })
}
