/** A command, for what no other primitive does; guards say when there is nothing to do. */
import { z } from 'zod'
import { TaskError } from '../errors.ts'
import { firstLine, type Host, type Shell } from '../host/index.ts'
import { hostFile } from './arguments.ts'
import { primitive, type Ensured } from './primitive.ts'

const schema = z.strictObject({
  cmd: z.union([z.string().min(1), z.array(z.string()).min(1)]).describe('a script for sh, or a program and its arguments as a list, which no shell looks at'),
  creates: hostFile.optional().describe('a path on the host: nothing is done when it exists'),
  removes: hostFile.optional().describe('a path on the host: nothing is done when it does not exist'),
  unless: z.string().min(1).optional().describe('a script for sh that only looks: nothing is done when it succeeds'),
  onlyIf: z.string().min(1).optional().describe('a script for sh that only looks: nothing is done when it fails'),
  chdir: hostFile.optional().describe('directory on the host to run in'),
  stdin: z.string().optional().describe('what it reads'),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, 'not a name for an environment variable'), z.union([z.string(), z.number()]).transform(String)).optional().describe('environment variables'),
  timeout: z.number().positive().optional().describe('seconds after which it is ended and has failed'),
  changed: z.boolean().default(true).describe('false for what only looks: it never counts as a change and also runs in check mode'),
})

/** What came of a command. */
export interface CommandResult extends Ensured {
  readonly stdout: string
  readonly stderr: string
  /** 0 also when it was not run. */
  readonly exitCode: number
  /** Why it was not run; undefined when it was. */
  readonly skipped: string | undefined
}

/** Runs a command unless a guard says that there is nothing to do. */
export const command = primitive({
  name: 'command',
  description: 'A command, with guards that say when there is nothing to do.',
  schema,
  run: async ({ host }, { cmd, creates, removes, unless, onlyIf, chdir, stdin, env, timeout, changed }): Promise<CommandResult> => {
    const idle = (reason: string, differs: boolean): CommandResult => ({ changed: differs, stdout: '', stderr: '', exitCode: 0, skipped: reason })
    const settings = { ...(chdir === undefined ? {} : { cwd: chdir }), ...(env === undefined ? {} : { env }) }
    const reason = await guard(host, { creates, removes, unless, onlyIf }, settings)
    if (reason !== undefined) return idle(reason, false)
    const shown = typeof cmd === 'string' ? cmd : cmd.join(' ')
    const run = async ($: Shell): Promise<CommandResult> => {
      const shell = $({ ...settings, nothrow: true, ...(stdin === undefined ? {} : { input: stdin }), ...(timeout === undefined ? {} : { timeout: timeout * 1000 }) })
      const { stdout, stderr, exitCode } = typeof cmd === 'string' ? await shell`exec sh -c ${cmd}` : await shell`exec ${cmd}`
      if (exitCode === 0) return { changed, stdout, stderr, exitCode, skipped: undefined }
      const end = exitCode !== null ? `exit code ${exitCode}` : timeout === undefined ? 'ended by a signal' : `not done after ${timeout} s`
      const hint = exitCode === 127 ? 'a command is not installed on the host, or not on its PATH' : undefined
      const details = (stderr.trim() || stdout.trim()).split('\n').slice(-20)
      throw new TaskError('command-failed', `${firstLine(shown)}: ${end}`, { host: host.name, details, hint })
    }
    if (!changed) return run(host.query)
    let result = idle('check mode', true)
    await host.change({ summary: `run ${firstLine(shown)}` }, async ($) => {
      result = await run($)
    })
    return result
  },
})

interface Guards {
  readonly creates: string | undefined
  readonly removes: string | undefined
  readonly unless: string | undefined
  readonly onlyIf: string | undefined
}

/** Asks all guards in one round trip; answers why there is nothing to do. */
async function guard(host: Host, { creates, removes, unless, onlyIf }: Guards, settings: object): Promise<string | undefined> {
  if (creates === undefined && removes === undefined && unless === undefined && onlyIf === undefined) return undefined
  const said = await host.query({ env: {}, ...settings, cwd: undefined as never })`
    creates=${creates ?? ''} removes=${removes ?? ''} unless=${unless ?? ''} onlyif=${onlyIf ?? ''} dir=${'cwd' in settings ? settings.cwd : ''}
    if [ -n "$creates" ] && [ -e "$creates" ]; then echo creates
    elif [ -n "$removes" ] && ! [ -e "$removes" ] && ! [ -L "$removes" ]; then echo removes
    else
      [ -z "$dir" ] || cd "$dir" 2>/dev/null || exit 0
      if [ -n "$unless" ] && sh -c "$unless" > /dev/null 2>&1 < /dev/null; then echo unless
      elif [ -n "$onlyif" ] && ! sh -c "$onlyif" > /dev/null 2>&1 < /dev/null; then echo onlyif
      fi
    fi`.text()
  switch (said.trim()) {
    case 'creates':
      return `${creates} exists`
    case 'removes':
      return `${removes} does not exist`
    case 'unless':
      return `${firstLine(unless ?? '')} succeeds`
    case 'onlyif':
      return `${firstLine(onlyIf ?? '')} fails`
    default:
      return undefined
  }
}

