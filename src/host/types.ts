/** The shapes of a reachable machine: how it is described, connected and worked with. */
import type { Readable, Writable } from 'node:stream'
import type { Duplex } from 'node:stream'
import type { EventEmitter } from 'node:events'
import type { $ as zx } from 'zx/core'
import type { Change } from '../events.ts'

/** zx's `$` with its spawn and its quoting replaced; see shell.ts. */
export type Shell = typeof zx

/** How to become another user on a host. */
export interface Become {
  readonly method: 'sudo' | 'su' | 'doas'
  /** The user to become; root unless told otherwise. */
  readonly user: string
  /** Undefined means: without a password, or fail saying that one is needed. */
  readonly password?: string | undefined
}

/** All that is needed to reach a host. */
export interface HostSpec {
  /** Inventory name; used in messages and, for ssh, to look up `~/.ssh/config` when no address is given. */
  readonly name: string
  readonly connection: 'local' | 'ssh'
  readonly address?: string | undefined
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
  /** Paths of private keys on the controller. */
  readonly identityFiles?: readonly string[] | undefined
  /** `user@host:port` hops in order, as ProxyJump; `~/.ssh/config` is read for each. */
  readonly jumps?: readonly string[] | undefined
  /** An open connection through which to dial: a guest behind its hypervisor. */
  readonly via?: Connection | undefined
  /** OpenSSH public key lines that the far end must have; takes the place of known_hosts. */
  readonly hostKeys?: readonly string[] | undefined
  /** As OpenSSH's StrictHostKeyChecking; `yes` when undefined. */
  readonly hostKeyChecking?: 'yes' | 'accept-new' | undefined
  /** known_hosts files in place of the user's and the system's. */
  readonly knownHostsFiles?: readonly string[] | undefined
  /** Seconds for the whole handshake. */
  readonly timeout?: number | undefined
}

/** What a spawned command looks like on either kind of connection: the part of ChildProcess that zx uses. */
export interface RemoteProcess extends EventEmitter {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly pid: number | undefined
  kill(signal?: NodeJS.Signals): boolean
}

/** An open way to a host. One command's failure never closes it. */
export interface Connection extends AsyncDisposable {
  readonly spec: HostSpec
  /** Starts `command` with the far end's `/bin/sh -c`, as the login user. */
  spawn(command: string): RemoteProcess
  /** A byte stream to a TCP address as seen from the host; rejects with an UnreachableError within `timeout` ms. */
  dial(address: string, port: number, options?: { timeout?: number; signal?: AbortSignal }): Promise<Duplex>
  /** Runs `command` (the login shell when undefined) on the caller's terminal; resolves with its exit code. */
  interactive(command?: string): Promise<number>
  close(): Promise<void>
}

/** Receives what a host does, so that a task can report it. */
export interface Recorder {
  /** True in check mode: nothing may be changed. */
  readonly check: boolean
  changed(change: Change, applied: boolean): void
  output(stream: 'stdout' | 'stderr', line: string): void
}

/** A host as a task sees it: with the task's privilege, reporting to the task's recorder. */
export interface Host {
  readonly name: string
  readonly connection: Connection
  readonly check: boolean
  /**
   * Changes something: reported as changed with the command as its summary, its output streamed to the recorder.
   * In check mode it is reported and not run; the result then is empty with exit code 0.
   */
  readonly $: Shell
  /** Only looks: always runs, also in check mode, and never counts as a change. */
  readonly query: Shell
  /** As `query`, for what outlasts the task that starts it: neither its end nor an interruption ends the command. End its input to end it. */
  readonly lasting: Shell
  /** As `query`, but standard output goes to `sink`, at the sink's pace, and is not kept: for what is large. The caller ends the sink. */
  queryInto(sink: Writable): Shell
  /**
   * Reports `change`, then runs `apply` unless in check mode. Inside, the given `$` runs commands that are not reported again.
   * Resolves with whether it was applied.
   */
  change(change: Change, apply: ($: Shell) => Promise<unknown>): Promise<boolean>
  /** The file's text, or undefined where there is none. */
  readFile(path: string): Promise<string | undefined>
  /** Writes a file atomically (temporary file in the same directory, then rename). Not reported: call it inside `change`. */
  writeFile(path: string, content: string | Uint8Array, options?: { mode?: number }): Promise<void>
  /** The inspect-compare-apply of a text file: reports a diff and writes it when its content or mode differs. Resolves with whether it differed. */
  ensureFile(path: string, content: string, options?: { mode?: number; title?: string }): Promise<boolean>
}
