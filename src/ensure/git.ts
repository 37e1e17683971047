/** A clone of a git repository, at a version. */
import { z } from 'zod'
import { TaskError, TemporaryError } from '../errors.ts'
import { temporaryName, type Host } from '../host/index.ts'
import { hostFile } from './arguments.ts'
import { primitive, type Ensured } from './primitive.ts'

const schema = z.strictObject({
  repo: z.string().regex(/^[^-\s][^\0\n]*$/, 'not an address of a repository').describe('address of the repository: https, ssh, or a path on the host'),
  dest: hostFile.describe('absolute directory on the host'),
  version: z.string().regex(/^[^-\s:~^?*[\\][^\s:~^?*[\\]*$/, 'not a branch, tag or commit').default('HEAD').describe('a branch, a tag or a commit; the default branch when not given'),
  depth: z.int().positive().optional().describe('fetch so many commits of the history'),
  update: z.boolean().default(true).describe('false: a clone that is there stays as it is'),
  force: z.boolean().default(false).describe('discard local changes and commits; otherwise they are an error'),
  recursive: z.boolean().default(false).describe('submodules too, and theirs'),
})

/** What came of it: commits, `undefined` where there was no clone, or, in check mode, where it is not known. */
export interface GitResult extends Ensured {
  readonly before: string | undefined
  readonly after: string | undefined
}

/** Nobody is there to be asked. A remote's own settings for ssh are respected. */
const QUIET = `
GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=true SSH_ASKPASS=true GCM_INTERACTIVE=never
: "\${GIT_SSH_COMMAND:=ssh -o BatchMode=yes}"
export GIT_TERMINAL_PROMPT GIT_ASKPASS SSH_ASKPASS GCM_INTERACTIVE GIT_SSH_COMMAND
`

/** Exit codes of the script that looks: git is missing; the directory is something else; the repository does not answer. */
const [NO_GIT, OTHER, SILENT] = [46, 47, 48]

/** Makes a clone be there and be at a version. */
export const git = primitive({
  name: 'git',
  description: 'A clone of a git repository, at a version.',
  schema,
  run: async ({ host }, { repo, dest, version, depth, update, force, recursive }): Promise<GitResult> => {
    const now = await look(host, repo, dest, version, update)
    if (now.head !== undefined && !update) return { changed: false, before: now.head, after: now.head }
    const wanted = resolve(now, version)
    if (wanted === undefined) throw new TaskError('git-version', `${repo} has no branch, tag or commit ${version}`, { host: host.name, hint: `git ls-remote ${repo} lists what it has` })
    const arrived = now.head !== undefined && now.head === wanted.commit && now.origin === repo && (wanted.branch === undefined || now.branch === wanted.branch)
    const dirty = now.modified.length > 0
    if (arrived && !(dirty && force) && !(recursive && now.modules)) return { changed: false, before: now.head, after: now.head }
    if (now.head !== undefined && !force && (dirty || now.own.length > 0)) {
      const what = dirty ? 'local changes' : 'local commits'
      throw new TaskError('git-local-changes', `${dest} has ${what}`, { host: host.name, details: (dirty ? now.modified : now.own).slice(0, 20), hint: 'force: true discards them' })
    }

    const to = wanted.commit === undefined || version === 'HEAD' ? (wanted.commit?.slice(0, 12) ?? version) : version
    const summary = now.head === undefined ? `clone ${repo} at ${to} to ${dest}` : arrived ? (dirty ? `discard local changes in ${dest}` : `update the submodules of ${dest}`) : `update ${dest} to ${to}`
    const side = (commit: string | undefined): string => (commit === undefined ? '' : `${commit}\n`)
    let after = wanted.commit
    const diff = { title: dest, before: side(now.head) + now.modified.map((line) => `${line}\n`).join(''), after: side(wanted.commit ?? version) }
    await host.change({ summary, diff }, async ($) => {
      const shallow = depth === undefined ? '' : `--depth=${depth}`
      const output = await $({ nothrow: true })`
        repo=${repo} dest=${dest} commit=${wanted.commit ?? version} branch=${wanted.branch ?? ''} ref=${wanted.ref ?? ''} shallow=${shallow}
        eval ${QUIET}
        umask 022
        if ${now.head === undefined}; then
          parent=\${dest%/*}
          mkdir -p "\${parent:-/}"
          stage=$parent/${temporaryName()}
          trap 'rm -rf "$stage"' EXIT
          trap 'exit 1' HUP INT TERM PIPE
          work=$stage
          git init -q "$work"
          git -C "$work" remote add origin "$repo"
        else
          work=$dest
          git -C "$work" remote set-url origin "$repo" 2>/dev/null || git -C "$work" remote add origin "$repo"
        fi
        cd "$work"
        if [ -n "$branch" ]; then git fetch -q $shallow origin "+refs/heads/$branch:refs/remotes/origin/$branch"
        elif [ -n "$ref" ]; then git fetch -q $shallow origin "+$ref:$ref"
        elif ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
          # A server need not hand out any commit that it is asked for.
          git fetch -q $shallow origin "$commit" 2>/dev/null || git fetch -q --tags origin '+refs/heads/*:refs/remotes/origin/*'
        fi
        git cat-file -e "$commit^{commit}" 2>/dev/null || exit ${OTHER}
        # What was fetched without a branch or tag is not to be taken for the user's own work.
        git update-ref refs/farm/fetched "$commit"
        force=
        if ${force}; then force=-f; fi
        if [ -n "$branch" ]; then
          git checkout -q $force -B "$branch" "$commit"
          git branch -q --set-upstream-to="origin/$branch" "$branch" 2>/dev/null || :
        else git -c advice.detachedHead=false checkout -q $force --detach "$commit"; fi
        if ${force}; then git reset -q --hard; fi
        if ${recursive}; then git submodule -q sync --recursive; git submodule -q update --init --recursive \${force:+--force} $shallow; fi
        git rev-parse HEAD
        if ${now.head === undefined}; then
          cd /
          if [ -d "$dest" ]; then rmdir "$dest"; fi
          mv "$stage" "$dest"
        fi`
      if (output.exitCode === OTHER) throw new TaskError('git-version', `${repo} has no commit ${version}`, { host: host.name, hint: 'write the whole commit, or a branch or tag that contains it' })
      if (output.exitCode !== 0) throw new TaskError('git-failed', `cannot ${summary}: ${lastLine(output.stderr)}`, { host: host.name, details: output.stderr.trim().split('\n').slice(-20) })
      after = output.stdout.trim().split('\n').at(-1)
    })
    return { changed: true, before: now.head, after: host.check ? wanted.commit : after }
  },
})

/** What is on the host, and what the repository has. */
interface Present {
  /** The commit that is checked out; undefined when there is no clone. */
  readonly head: string | undefined
  readonly branch: string | undefined
  readonly origin: string
  /** Lines of `git status`: tracked files that differ. */
  readonly modified: readonly string[]
  /** Commits that no remote branch or tag has, a line each. */
  readonly own: readonly string[]
  /** Submodules are not what they shall be. */
  readonly modules: boolean
  /** Lines of `git ls-remote`. */
  readonly refs: ReadonlyMap<string, string>
  /** The branch that the repository's HEAD is. */
  readonly main: string | undefined
  /** `version` as a commit that the clone has. */
  readonly known: string | undefined
}

async function look(host: Host, repo: string, dest: string, version: string, update: boolean): Promise<Present> {
  const output = await host.query({ nothrow: true })`
    repo=${repo} dest=${dest} version=${version}
    eval ${QUIET}
    command -v git > /dev/null || exit ${NO_GIT}
    there=false
    if [ -e "$dest/.git" ]; then
      there=true
      cd "$dest"
      git rev-parse HEAD || exit 1
      git symbolic-ref -q --short HEAD || echo
      git config remote.origin.url || echo
      git rev-parse -q --verify "$version^{commit}" || echo
      if git submodule status --recursive 2>/dev/null | grep -q '^[-+U]'; then echo modules; else echo; fi
      echo status; git status --porcelain --untracked-files=no --ignore-submodules=untracked
      echo log; git log --format=' %h %s' -n 20 HEAD --not --remotes --tags --glob='refs/farm/*'
      cd /
    elif [ -d "$dest" ] && [ -n "$(ls -A "$dest")" ]; then exit ${OTHER}
    elif [ -e "$dest" ] && ! [ -d "$dest" ]; then exit ${OTHER}
    fi
    echo ---
    if $there && ! ${update}; then exit 0; fi
    git ls-remote --symref "$repo" HEAD "refs/heads/$version" "refs/tags/$version" "refs/tags/$version^{}" || exit ${SILENT}`
  const facts = { host: host.name, details: output.stderr.trim().split('\n').filter(Boolean).slice(-20) }
  if (output.exitCode === NO_GIT) throw new TaskError('git-missing', 'git is not installed', { host: host.name, hint: 'install the package git' })
  if (output.exitCode === OTHER) throw new TaskError('git-directory', `${dest} is there and is no git repository`, { host: host.name, hint: 'remove it first, if it may go' })
  if (output.exitCode === SILENT) {
    const passing = /resolve host|timed out|refused|unreachable|reset/i.test(output.stderr)
    throw new (passing ? TemporaryError : TaskError)('git-unreachable', `cannot read the repository ${repo}: ${lastLine(output.stderr)}`, { ...facts, hint: 'check the address and who may read it; nobody is asked for a password' })
  }
  if (output.exitCode !== 0) throw new TaskError('git-failed', `cannot look at ${dest}: ${lastLine(output.stderr)}`, facts)

  const cut = output.stdout.lastIndexOf('---\n')
  const [state, listed] = [output.stdout.slice(0, cut), output.stdout.slice(cut + 4)]
  const [head, branch, origin = '', known, modules] = state.split('\n')
  // Lines of status begin with letters and a blank, those of log with a blank: neither is mistaken for a heading.
  const [, modified = '', own = ''] = state.split(/^(?:status|log)$/m)
  const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '')
  const refs = new Map<string, string>()
  let main: string | undefined
  for (const line of lines(listed)) {
    const symbolic = /^ref: refs\/heads\/(\S+)\tHEAD$/.exec(line)
    if (symbolic) main = symbolic[1]
    const [commit = '', ref = ''] = line.split('\t')
    if (/^[0-9a-f]{40,64}$/.test(commit)) refs.set(ref, commit)
  }
  return { head: head || undefined, branch: branch || undefined, origin, known: known || undefined, modules: modules === 'modules', modified: lines(modified), own: lines(own), refs, main }
}

/** What `version` means: a branch before a tag before a commit, as for git itself. `ref` is what to fetch for it. */
function resolve({ refs, main, known, head }: Present, version: string): { commit: string | undefined; branch?: string | undefined; ref?: string | undefined } | undefined {
  if (version === 'HEAD') return refs.has('HEAD') ? { commit: refs.get('HEAD'), branch: main } : undefined
  const branch = refs.get(`refs/heads/${version}`)
  if (branch !== undefined) return { commit: branch, branch: version }
  const tag = refs.get(`refs/tags/${version}^{}`) ?? refs.get(`refs/tags/${version}`)
  if (tag !== undefined) return { commit: tag, ref: `refs/tags/${version}` }
  if (!/^[0-9a-f]{4,64}$/.test(version)) return undefined
  if (head?.startsWith(version)) return { commit: head }
  // Only a whole commit can be asked for; a shortened one has to be found among what is fetched.
  return { commit: known?.startsWith(version) ? known : version }
}

function lastLine(text: string): string {
  const lines = text.trim().split('\n').filter(Boolean)
  // git says what went wrong first, and general advice after it.
  return lines.find((line) => /^(fatal|error):/.test(line))?.replace(/^(fatal|error): /, '') ?? lines.at(-1) ?? 'no reason was given'
}
