/**
 * Running commands as another user by sudo, su or doas.
 *
 * The wrapped command first prints a marker on standard error. What comes before the marker was said by the method itself:
 * a prompt, which is answered, or a reason for refusing, which becomes an error of its own. Nothing of the command's input is
 * sent before the marker, and a password only in answer to a prompt, so that it can never end up as a command's input.
 */
import { randomBytes } from 'node:crypto'
import { becomeError, type BecomeFacts } from './become-errors.ts'
import { killCommand, marked } from './marker.ts'
import { PendingProcess } from './process.ts'
import { posixQuote } from './quote.ts'
import type { Become, Connection, RemoteProcess } from './types.ts'

/** Milliseconds for the method to let the command begin. */
const PATIENCE = 20_000

/** The login user's number, also where PATH leads nowhere. */
const UID = 'id -u 2>/dev/null || while read key uid rest; do [ "$key" != Uid: ] || echo "$uid"; done < /proc/self/status'

const uids = new WeakMap<Connection, number | Promise<number>>()

/** Starts a command as `become` says, or as the login user; root becoming root costs nothing. */
export function spawnAs(connection: Connection, become: Become | undefined, command: string): RemoteProcess {
  if (become === undefined) return connection.spawn(command)
  const uid = loginUid(connection)
  const direct = (known: number): boolean => known === 0 && become.user === 'root'
  if (typeof uid === 'number') return direct(uid) ? connection.spawn(command) : privileged(connection, become, command)
  const process = new PendingProcess()
  uid.then(
    (known) => void (process.ended || process.attach(direct(known) ? connection.spawn(command) : privileged(connection, become, command))),
    (error: Error) => process.fail(error),
  )
  return process
}

/** The login user's number, asked for once a connection. */
function loginUid(connection: Connection): number | Promise<number> {
  const known = uids.get(connection)
  if (known !== undefined) return known
  const asked = new Promise<number>((resolve, reject) => {
    const probe = connection.spawn(UID)
    let text = ''
    probe.stdin.end()
    probe.stderr.resume()
    probe.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    probe.once('error', reject)
    probe.once('close', () => resolve(/^\d+\s*$/.test(text) ? Number(text) : Number.NaN))
  })
  uids.set(connection, asked)
  asked.then(
    (uid) => uids.set(connection, uid),
    () => uids.delete(connection),
  )
  return asked
}

/** The command line for a method, for a script that has been given its marker. */
export function becomeCommand({ method, user, password }: Become, prompt: string, script: string): string {
  const [name, code] = [posixQuote(user), posixQuote(script)]
  switch (method) {
    case 'sudo':
      // -k: a remembered password would make this run behave otherwise than the next.
      return `LC_ALL=C exec sudo ${password === undefined ? '-n' : `-k -S -p ${posixQuote(prompt)}`} -H -u ${name} -- /bin/sh -c ${code}`
    case 'su':
      return `LC_ALL=C exec su -s /bin/sh -c ${code} ${name}`
    case 'doas':
      return `LC_ALL=C exec doas -n -u ${name} -- /bin/sh -c ${code}`
  }
}

function privileged(connection: Connection, become: Become, command: string): PendingProcess {
  const marker = marked(command)
  const prompt = `farm-password-${randomBytes(8).toString('hex')}:`
  const real = connection.spawn(becomeCommand(become, prompt, marker.script))
  const process = new PendingProcess((signal) => void real.kill(signal))
  let said = ''
  let begun = false
  let answered = false
  const refuse = (kind: BecomeFacts['kind'], code?: number | null): void => {
    clearTimeout(timer)
    process.fail(becomeError({ become, host: connection.spec.name, kind, code, answered, said: said.replaceAll(prompt, '').trim() }))
    // Nobody waits for a password any longer.
    real.stdin.end()
    real.kill('SIGKILL')
  }
  const timer = setTimeout(() => refuse('timeout'), PATIENCE)

  marker.watch(real.stderr, {
    before(text) {
      said = text
      const prompts = said.split(become.method === 'sudo' ? prompt : /password: ?/i).length - 1
      if (prompts === 0 || process.ended) return
      if (become.password === undefined) refuse('password-needed')
      else if (prompts > 1) refuse('password-wrong')
      else if (!answered) {
        answered = true
        real.stdin.write(`${become.password}\n`)
      }
    },
    begun({ pid, rest }) {
      begun = true
      clearTimeout(timer)
      if (rest.length > 0) process.stderr.write(rest)
      process.stderr.follow(real.stderr)
      process.stdin.join(real.stdin)
      process.killer = (signal) => {
        killAs(connection, become, killCommand(pid, real instanceof PendingProcess ? real.leader : real.pid, signal))
        if (signal === 'SIGKILL') real.kill(signal)
      }
    },
  })
  real.stdin.on('error', () => undefined)
  process.stdout.follow(real.stdout)
  real.once('error', (error: Error) => (clearTimeout(timer), process.fail(error)))
  real.once('close', (code: number | null, signal: NodeJS.Signals | null) => {
    clearTimeout(timer)
    if (begun || process.ended || signal !== null) process.exit(code, signal)
    else refuse('refused', code)
  })
  return process
}

/** Signals a command that runs as another user, which the login user may not. */
function killAs(connection: Connection, become: Become, command: string): void {
  const killer = privileged(connection, become, command)
  killer.stdin.end()
  killer.stdout.resume()
  killer.stderr.resume()
}
