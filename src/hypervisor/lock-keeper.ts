/**
 * Locks on a host, however many, held by one process there: each takes a connection's channel otherwise, of which there are few.
 *
 * A lock is a `flock` of a file in the hands of a child of that process. The process ends with its standard input, and every child with
 * the process, also when it is killed: they all read from a pipe that only it can write to. Whether farm ends well, is killed, or its
 * network goes away, its locks go with it.
 */
import { PassThrough } from 'node:stream'
import { InterruptedError, TaskError } from '../errors.ts'
import { bindingOf, onAbort, type Connection, type Host } from '../host/index.ts'

/** What is asked for. */
export interface LockRequest {
  /** The lock's file on the host. A shell's expression may stand in it, so it is farm's own. */
  readonly file: string
  /** Who takes it and for what, shown to whoever finds it taken. One line. */
  readonly holder: string
  /** Seconds to wait for whoever has it. */
  readonly wait: number
  /** Does without a lock on hosts that have no flock. */
  readonly optional?: boolean
  /** Ends the waiting; a lock that is held stays. */
  readonly signal?: AbortSignal | undefined
}

/** A lock, or who has it in its place. */
export type Answer = { readonly held: true; readonly release: () => Promise<void> } | { readonly held: false; readonly holder: string }

/** What the process answers to a request. */
type Said = { readonly held: true } | { readonly held: false; readonly holder: string }

/**
 * Requests come as lines: lock, number, seconds, file, holder; or free (give it back, or do not wait for it any more) and number; or gone
 * (its answer was no) and number. Answers are lines: held N, busy N TEXT, bad N TEXT, free N, error TEXT.
 */
const SCRIPT = `
say() { printf '%s\\n' "$*"; }
command -v flock >/dev/null || { say 'error flock (util-linux) is not installed'; exit 0; }
[ -e /proc/self/fd ] || { say 'error there is no /proc'; exit 0; }
pipe=$(mktemp -u /tmp/.farm-locks.XXXXXXXX)
mkfifo -m 600 "$pipe" && exec 8<>"$pipe" 7<"$pipe" && rm -f "$pipe" || { say 'error no pipe can be made'; exit 0; }
take() {
  id=$1 patience=$2 path=$3 name=$4 mine= said=
  exec 8>&-
  # Whatever ends it, it has answered, and its file goes.
  trap '[ -n "$said" ] || say "bad $id $path cannot be locked"; [ -z "$mine" ] || rm -f "$path"' EXIT
  trap 'said=1; exit 0' TERM
  until=$(( $(date +%s) + patience )); tries=0
  while :; do
    true 2>/dev/null >>"$path" || { said=1; say "bad $id $path cannot be written"; exit 0; }
    exec 9>>"$path"
    code=0; flock -n 9 || code=$?
    [ $code -le 1 ] || exit 0
    if [ $code = 1 ]; then
      text=; read -r text 2>/dev/null <"$path" || :
      # Whoever has just taken it writes its name next; whoever gives it back has removed the file.
      if [ -z "$text" ] && [ "$tries" -lt 40 ]; then tries=$((tries + 1)); sleep 0.05; continue; fi
      [ "$(date +%s)" -lt "$until" ] && { sleep 0.2; continue; }
      said=1; say "busy $id $text"; exit 0
    fi
    # The file is removed by its holder; whoever locked one that is no longer the one at the path tries again.
    [ "$path" -ef /proc/self/fd/9 ] && break
  done
  mine=1
  printf '%s\\n' "$name" >"$path" || exit 0
  said=1; say "held $id"
  read -r nothing <&7 || :
}
children=
while read -r verb && read -r number; do
  if [ "$verb" = lock ]; then
    read -r wait; read -r file; read -r holder
    case $file in
      @*) file=/run/farm\${file#@}.lock; [ -w /run ] || file=\${XDG_RUNTIME_DIR:-/tmp}/farm-$(id -u)\${file#/run/farm} ;;
    esac
    take "$number" "$wait" "$file" "$holder" &
    eval "child$number=$!"; children="$children $number"
    continue
  fi
  # Forgotten once it has ended: its number may be another process's later.
  others=
  for each in $children; do [ "$each" = "$number" ] || others="$others $each"; done
  children=$others
  eval "pid=\\$child$number"
  [ "$verb" = gone ] || kill "$pid" 2>/dev/null || :
  wait "$pid" 2>/dev/null || :
  [ "$verb" = gone ] || say "free $number"
done
for each in $children; do eval "kill \\$child$each" 2>/dev/null || :; done
wait
`

const keepers = new WeakMap<Connection, Map<string, LockKeeper>>()

/** One life of the process: it begins with a lock and ends with the last. */
interface Process {
  readonly input: PassThrough
  readonly waiting: Map<number, (answer: Said | Error) => void>
  readonly freed: Map<number, () => void>
  /** Locks that are held or asked for. */
  open: number
}

/** Who holds a run's locks on one host. */
export class LockKeeper {
  readonly #host: Host
  #process: Process | undefined
  #count = 0

  /** Of a connection there is one for each user that is worked as: what one may write, another may not. */
  static of(host: Host): LockKeeper {
    const { become } = bindingOf(host)
    const user = become?.user ?? ''
    let own = keepers.get(host.connection)
    if (own === undefined) keepers.set(host.connection, (own = new Map()))
    let keeper = own.get(user)
    if (keeper === undefined) own.set(user, (keeper = new LockKeeper(host)))
    return keeper
  }

  private constructor(host: Host) {
    this.#host = host
  }

  /**
   * Takes a lock, or tells who has it. A `file` that begins with @ lies where locks of farm lie: `@` is the host's own, `@-x` that of x.
   * @throws TaskError `no-flock` or `lock-failed` where there is no way to lock; InterruptedError when `signal` was faster.
   */
  async take({ file, holder, wait, optional = false, signal }: LockRequest): Promise<Answer> {
    if (signal?.aborted) throw new InterruptedError()
    const number = (this.#count += 1)
    const process = (this.#process ??= this.#start())
    process.open += 1
    const forget = onAbort(signal, () => {
      const tell = process.waiting.get(number)
      if (tell === undefined) return
      process.waiting.delete(number)
      process.input.write(`free\n${number}\n`)
      tell(new InterruptedError())
    })
    try {
      const said = await new Promise<Said>((resolve, reject) => {
        process.waiting.set(number, (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)))
        process.input.write(`lock\n${number}\n${wait}\n${file}\n${holder.replaceAll('\n', ' ')}\n`)
      })
      if (!said.held) {
        this.#leave(process)
        return said
      }
    } catch (error) {
      this.#leave(process)
      if (optional && error instanceof TaskError && error.code === 'no-flock') return { held: false, holder: '' }
      throw error
    } finally {
      forget()
    }
    let released: Promise<void> | undefined
    return { held: true, release: () => (released ??= this.#release(process, number)) }
  }

  async #release(process: Process, number: number): Promise<void> {
    // A process that has ended has let go of everything.
    if (process === this.#process) {
      await new Promise<void>((resolve) => {
        process.freed.set(number, resolve)
        process.input.write(`free\n${number}\n`)
      })
    }
    this.#leave(process)
  }

  /** The process ends with its last lock. */
  #leave(process: Process): void {
    process.open -= 1
    if (process.open > 0) return
    process.input.end()
    this.#forget(process)
  }

  /** Who comes next starts another one. */
  #forget(process: Process): void {
    if (this.#process === process) this.#process = undefined
  }

  #start(): Process {
    const process: Process = { input: new PassThrough(), waiting: new Map(), freed: new Map(), open: 0 }
    // Neither the end of the task that asks first nor an interruption ends it: others hold locks by it, and what cleans up needs them.
    const running = this.#host.lasting({ input: process.input, nothrow: true })`eval ${SCRIPT}`
    let rest = ''
    running.stdout.on('data', (chunk: Buffer | string) => {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#heard(process, line)
    })
    const over = (why: string): void => {
      this.#forget(process)
      for (const tell of process.waiting.values()) tell(new TaskError('lock-failed', `locks of ${this.#host.name} cannot be kept: ${why}`, { host: this.#host.name }))
      for (const tell of process.freed.values()) tell()
    }
    running.then(({ stderr }) => over(stderr.trim().split('\n').at(-1) || 'the process that holds them has ended'), (error: unknown) => over(error instanceof Error ? error.message : String(error)))
    return process
  }

  #heard(process: Process, line: string): void {
    const { waiting, freed } = process
    const [word = '', number = '', ...rest] = line.split(' ')
    const asked = Number(number)
    const text = rest.join(' ')
    const { name } = this.#host
    if (word === 'error') {
      this.#forget(process)
      for (const tell of waiting.values()) tell(new TaskError('no-flock', `nothing can be locked on ${name}: ${line.slice(6)}`, { host: name, ...(line.includes('flock') && { hint: 'install util-linux there' }) }))
      return
    }
    if (word === 'free') {
      freed.get(asked)?.()
      freed.delete(asked)
      return
    }
    const tell = waiting.get(asked)
    waiting.delete(asked)
    if (word !== 'held') process.input.write(`gone\n${asked}\n`)
    tell?.(word === 'held' ? { held: true } : word === 'busy' ? { held: false, holder: text } : new TaskError('lock-failed', `nothing can be locked on ${name}: ${text}`, { host: name }))
  }
}
