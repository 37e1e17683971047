/**
 * The live picture in a terminal. listr2 owns the screen while a run lasts (cursor, redrawing in place, stray output held back);
 * what is drawn is ours (board.ts, draw.ts), and so are errors, signals and the exit code. The only file that knows listr2.
 */
import { writeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput } from 'listr2'
import type { Change, EventSink } from '../events.ts'
import { emptyBoard, fold, type Board } from './board.ts'
import { unifiedDiff } from './diff.ts'
import { draw } from './draw.ts'
import { Ending } from './ending.ts'
import type { Streams } from './index.ts'
import { clean, paint } from './text.ts'

/** A frame at most so often (ms), and never sooner than this many times what the last one cost. */
const FRAME_EVERY = 100
const REST_FACTOR = 4
/** The picture that stays behind may be longer than the screen, but not endless. */
const LAST_ROWS = 200
/** So many lines of output are kept for the end; the journal has them all. */
const MOST_KEPT = 2_000
const SHOW_CURSOR = '\u001b[?25h'

export interface TerminalOptions {
  readonly colour: boolean
  readonly unicode: boolean
  readonly diff: boolean
  readonly verbosity: number
}

interface Screen extends Writable {
  readonly columns?: number
  readonly rows?: number
}

/** Follows a run on the screen; after the end prints changes (with diffs), failures, recap and results below the last picture. */
export class TerminalReport {
  readonly #streams: Streams
  readonly #options: TerminalOptions
  readonly #board: Board = emptyBoard()
  readonly #ending = new Ending()
  readonly #changes: { readonly host: string; readonly change: Change; readonly applied: boolean }[] = []
  readonly #output: string[] = []
  #forgotten = 0
  #finish: () => void = () => {}
  #refresh: () => void = () => {}
  #picture: Promise<unknown> | undefined

  constructor(streams: Streams, options: TerminalOptions) {
    this.#streams = streams
    this.#options = options
  }

  readonly sink: EventSink = (event) => {
    this.#ending.add(event)
    fold(this.#board, event)
    if (event.type === 'change' && this.#showsChanges()) this.#changes.push(event)
    if (event.type === 'output' && this.#options.verbosity > 0) this.#keep(`[${event.host}] ${event.line}`)
    if (event.type === 'run-start') this.#picture ??= this.#start()
    this.#refresh()
  }

  async suspend(): Promise<void> {
    await this.#stop()
  }

  resume(): void {
    if (this.#picture !== undefined) this.#picture = this.#start()
  }

  async end(): Promise<void> {
    this.#board.endedAt ??= Date.now()
    await this.#stop()
    const { colour, verbosity } = this.#options
    const forgotten = this.#forgotten === 0 ? [] : [`(${this.#forgotten} lines before these: farm log last -v)`]
    const lines = [...[...forgotten, ...this.#output].map((text) => paint('faint', clean(text), colour)), ...this.#changeLines(), ...this.#ending.failures(colour, verbosity), ...this.#ending.recap(colour), ...this.#ending.results()]
    if (lines.length > 0) this.#streams.out.write(`${lines.join('\n')}\n`)
  }

  /** Ends the picture; the last one stays where it is. */
  async #stop(): Promise<void> {
    this.#finish()
    await this.#picture
    process.off('exit', this.#restore)
  }

  /** Keeps the last lines; twice as many are held so that not every line moves all others. */
  #keep(text: string): void {
    if (this.#output.push(text) < 2 * MOST_KEPT) return
    this.#output.splice(0, MOST_KEPT)
    this.#forgotten += MOST_KEPT
  }

  /** For an end at once: the cursor comes back even then. */
  readonly #restore = (): void => {
    // Past the stream, whose `write` is listr2's by now, and keeps what it is given for later.
    const { fd } = this.#streams.out as Writable & { readonly fd?: number }
    if (fd !== undefined) writeSync(fd, `${SHOW_CURSOR}\n`)
  }

  #start(): Promise<unknown> {
    process.once('exit', this.#restore)
    const finished = new Promise<void>((resolve) => { this.#finish = resolve })
    const listr = new Listr(
      [...this.#board.hosts.keys()].map((title) => ({ title, task: () => finished })),
      {
        concurrent: true,
        exitOnError: false,
        registerSignalListeners: false,
        renderer: this.#renderer(),
        fallbackRendererCondition: false,
        rendererOptions: { logger: new ListrLogger({ processOutput: new ScreenOutput(this.#streams) }) },
      },
    )
    return listr.run()
  }

  /** listr2's renderer redraws its whole tree at every event; this one draws the board, and has patience. */
  #renderer(): typeof DefaultRenderer {
    const frame = (rows: number, reserve: number): string => this.#frame(rows, reserve)
    const register = (refresh: () => void): void => { this.#refresh = refresh }
    const screen = this.#screen()
    return class extends DefaultRenderer {
      // Why: listr2 asks process.stdout otherwise, and would put another renderer in this one's place.
      static override readonly nonTTY = true

      #timer: NodeJS.Timeout | undefined
      #next = 0

      override async render(): Promise<void> {
        await super.render()
        register(() => { this.update() })
        this.update()
      }

      override update(): void {
        if (this.#timer !== undefined) return
        this.#timer = setTimeout(() => {
          this.#timer = undefined
          const before = performance.now()
          super.update()
          const cost = performance.now() - before
          this.#next = before + Math.max(FRAME_EVERY, cost * REST_FACTOR)
        }, Math.max(0, this.#next - performance.now()))
      }

      /** `prompt: false` is how listr2 asks for the last picture, which is to stay. */
      override create(options?: { tasks?: boolean; bottomBar?: boolean; prompt?: boolean }): string {
        return options?.prompt === false ? frame(LAST_ROWS, 0) : frame((screen.rows ?? 24) - 1, 1)
      }

      override end(): void {
        clearTimeout(this.#timer)
        register(() => {})
        super.end()
      }
    }
  }

  #frame(rows: number, margin: number): string {
    const { colour, unicode } = this.#options
    const columns = (this.#screen().columns ?? 80) - margin
    return draw(this.#board, { columns, rows, colour, unicode, now: Date.now() }).join('\n')
  }

  #screen(): Screen {
    return this.#streams.out
  }

  #showsChanges(): boolean {
    return this.#options.diff || this.#board.check
  }

  #changeLines(): string[] {
    const { colour } = this.#options
    return this.#changes.flatMap(({ host, change, applied }) => [
      '',
      `${paint('yellow', applied ? 'changed' : 'would change', colour)} ${clean(`[${host}] ${change.summary}`)}`,
      ...(change.diff === undefined ? [] : unifiedDiff(change.diff, colour).map((text) => `  ${text}`)),
    ])
  }
}

/** listr2 copies a stream's size once; this keeps it true when the window changes. */
class ScreenOutput extends ProcessOutput {
  readonly #screen: NodeJS.WriteStream

  constructor({ out, err }: Streams) {
    super(out as NodeJS.WriteStream, err as NodeJS.WriteStream, { leaveEmptyLine: false })
    this.#screen = out as NodeJS.WriteStream
  }

  override get stdout(): NodeJS.WriteStream {
    const screen = this.#screen
    return Object.defineProperties(super.stdout, {
      columns: { get: () => screen.columns },
      rows: { get: () => screen.rows },
    })
  }
}
