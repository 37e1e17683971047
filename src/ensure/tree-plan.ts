/** A tree on the controller against what is on the host: what has to be sent, and the script that puts it into place. */
import { posixQuote } from '../host/index.ts'
import { attributeChanges, octal, ownership, setAttributes, type Attributes } from './attributes.ts'
import type { Listed } from './listing.ts'
import type { LocalEntry } from './local-tree.ts'

/** What is wanted. */
export interface WantedTree {
  readonly tree: readonly LocalEntry[]
  readonly dest: string
  /** Of files; the owner of directories and files. */
  readonly wanted: Attributes
  readonly directoryMode: number | undefined
  readonly extraneous: boolean
}

/** What has to be done. */
export interface TreePlan {
  /** Files to send, in this order. */
  readonly files: readonly LocalEntry[]
  /** Paths to remove; what is below them goes with them. */
  readonly removed: readonly string[]
  /** For a diff: one pair for each path that changes; `''` where there is nothing. */
  readonly lines: readonly { readonly before: string; readonly after: string }[]
  /** Runs where the sent files are, named 0, 1, 2 …; `$dir` is the destination. */
  readonly script: string
  /** Why it cannot be done: something that is not replaced is in the way. */
  readonly problem?: string | undefined
}

/**
 * Compares. Parents come before children in `tree`.
 * @param same - whether a file's content is that of the host's; asked only where it matters
 */
export async function planTree({ tree, dest, wanted, directoryMode, extraneous }: WantedTree, present: ReadonlyMap<string, Listed>, same: (entry: LocalEntry, there: Listed) => Promise<boolean>): Promise<TreePlan> {
  const files: LocalEntry[] = []
  const lines: { before: string; after: string }[] = []
  const [owners, modes] = [new Map<string, number[]>(), new Map<string, number[]>()]
  const moves: string[] = []
  const script: string[] = ['umask 022', 'me=$(stat -c %u:%g plan)']
  const at = (path: string): string => (path === '' ? '"$dir"' : `"$dir"/${posixQuote(path)}`)
  const problem = (path: string, is: string): TreePlan => ({ files: [], removed: [], lines: [], script: '', problem: `${dest}/${path} is ${is}` })

  const removed: string[] = []
  if (extraneous) {
    const known = new Set(tree.map(({ path }) => path))
    for (const [path, there] of [...present].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const parent = removed.find((each) => path.startsWith(`${each}/`))
      if (known.has(path) || parent !== undefined) continue
      removed.push(path)
      lines.push({ before: describe(path, there.type, there.mode, there.size), after: '' })
      script.push(`rm -rf ${at(path)}`)
    }
  }
  for (const entry of tree) {
    const { path, type } = entry
    const there = present.get(path)
    const shown = there === undefined ? '' : describe(path, there.type, there.mode, there.size, there.sha256 ?? there.target)
    if (type === 'directory') {
      const kept = { ...wanted, mode: directoryMode }
      if (there !== undefined && there.type !== 'directory' && !there.toDirectory) return problem(path, 'not a directory')
      // The listing of a link tells the link's own attributes, which nobody sets.
      if (there !== undefined && (there.toDirectory || attributeChanges(kept, there).length === 0)) continue
      const bits = directoryMode ?? (there === undefined ? entry.mode : undefined)
      if (there === undefined && path !== '') script.push(`mkdir ${at(path)}`)
      script.push(setAttributes({ ...wanted, mode: bits }, at(path)))
      lines.push({ before: shown, after: describe(path, type, bits ?? there?.mode ?? entry.mode, 0) })
    } else if (type === 'link') {
      if (there?.target === entry.target) continue
      if (there?.type === 'directory') return problem(path, 'a directory')
      script.push(`rm -f ${at(path)}`, `ln -s -- ${posixQuote(entry.target ?? '')} ${at(path)}`)
      lines.push({ before: shown, after: describe(path, type, entry.mode, 0, entry.target) })
    } else {
      if (there?.type === 'directory') return problem(path, 'a directory')
      const bits = wanted.mode ?? entry.mode
      const after = describe(path, type, bits, entry.size)
      if (there?.type === 'file' && (await same(entry, there))) {
        if (attributeChanges({ ...wanted, mode: bits }, there).length === 0) continue
        script.push(setAttributes({ ...wanted, mode: bits }, at(path)))
        lines.push({ before: shown, after })
        continue
      }
      const owner = there?.type === 'file' ? `${wanted.owner ?? there.uid}:${wanted.group ?? there.gid}` : ownership(wanted)
      const number = files.push(entry) - 1
      add(owners, owner, number)
      add(modes, octal(bits), number)
      moves.push(...(there?.toDirectory ? [`rm -f ${at(path)}`] : []), `mv -f ${number} ${at(path)}`)
      lines.push({ before: shown, after })
    }
  }
  // Ownership first: chown takes setuid bits away.
  const prepared = [
    ...commands(owners, (owner, numbers) => `[ "$me" = ${posixQuote(owner)} ] || chown ${posixQuote(owner)} ${numbers}`),
    ...commands(modes, (bits, numbers) => `chmod ${bits} ${numbers}`),
  ]
  return { files, removed, lines, script: `${[...script, ...prepared, ...moves].join('\n')}\n` }
}

function add(groups: Map<string, number[]>, key: string | undefined, number: number): void {
  if (key === undefined) return
  const group = groups.get(key)
  if (group === undefined) groups.set(key, [number])
  else group.push(number)
}

/** One command for many files, but none that is too long for a system. */
function commands(groups: ReadonlyMap<string, readonly number[]>, write: (key: string, numbers: string) => string): string[] {
  return [...groups].flatMap(([key, numbers]) => Array.from({ length: Math.ceil(numbers.length / 5_000) }, (_, index) => write(key, numbers.slice(index * 5_000, (index + 1) * 5_000).join(' '))))
}

function describe(path: string, type: string, mode: number, size: number, detail?: string): string {
  const name = /[\n\\]/.test(path) ? JSON.stringify(path) : path
  if (type === 'directory') return `${name === '' ? '.' : name}/ ${octal(mode)}`
  return type === 'link' ? `${name} -> ${detail ?? ''}` : `${name} ${octal(mode)} ${size} bytes${detail === undefined ? '' : ` sha256 ${detail.slice(0, 16)}`}`
}
