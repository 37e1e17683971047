/** Settings of the running kernel, and the file that makes them last. */
import { z } from 'zod'
import { TaskError } from '../errors.ts'
import { nearest } from '../suggest.ts'
import { hostFile } from './arguments.ts'
import { primitive } from './primitive.ts'
import { enumerate, runScript } from './script.ts'
import { editSettings, normalized, sysctlPath } from './sysctl-file.ts'

const settingName = z.string().regex(/^[\w-]+([./][\w.@:*-]+)+$/, 'not the name of a kernel setting, e.g. net.ipv4.ip_forward').refine((name) => !/(^|[./])\.?\.([./]|$)/.test(name), 'not the name of a kernel setting')
const settingValue = z
  .union([z.string().regex(/^[^\n\0]*$/, 'must be one line'), z.number(), z.boolean().transform(Number)])
  .transform((value) => normalized(String(value)))
  .refine((value) => value !== '', 'must not be empty')

const schema = z
  .strictObject({
    name: settingName.optional().describe('e.g. net.ipv4.ip_forward; slashes will do, too, and must where a part has a dot in it: net/ipv4/conf/eth0.100/forwarding'),
    value: settingValue.optional().describe('text, a number, or a boolean for 0 and 1'),
    values: z.record(settingName, settingValue).optional().describe('several settings at once, in place of name and value'),
    state: z.enum(['present', 'absent']).default('present').describe('absent takes the line out of the file; the running kernel keeps its value'),
    file: hostFile.default('/etc/sysctl.d/60-farm.conf').describe('where it is kept for the next start of the host'),
    live: z.boolean().default(true).describe('also set it in the running kernel'),
  })
  .refine(({ name, values }) => (name === undefined) !== (values === undefined), 'give either name or values')
  .refine(({ name, value, state }) => name === undefined || (value !== undefined) === (state === 'present'), { path: ['value'], error: 'is needed with state present, and only then' })

/** `$1` is the file, the rest are paths below /proc/sys. Prints `INDEX value …`, `INDEX missing`, for those the siblings' names, and the file. */
const READ = `
file=$1; shift; index=0
for path; do
  if [ -f "/proc/sys/$path" ]; then echo "$index value $(cat "/proc/sys/$path" 2>/dev/null || true)"
  else
    echo "$index missing"; dir=$path
    while case $dir in */*) dir=\${dir%/*};; *) dir=;; esac; [ -n "$dir" ] && [ ! -d "/proc/sys/$dir" ]; do :; done
    for near in "/proc/sys/$dir"/*; do echo "$index near \${near#/proc/sys/}"; done
  fi
  index=$((index + 1))
done
if [ -f "$file" ]; then echo '- file'; cat "$file"; fi`

/** Sets what `$3 $4`, `$5 $6` … say, then writes `$2` to `$1`, or removes it when that is empty. */
const APPLY = `
file=$1; text=$2; shift 2
while [ $# -gt 0 ]; do printf '%s\\n' "$2" 2>/dev/null >"/proc/sys/$1" || { echo "the kernel does not take $2 for $1" >&2; exit 1; }; shift 2; done
if [ -z "$text" ]; then rm -f "$file"
else
  mkdir -p "\${file%/*}"; new=$(mktemp "\${file%/*}/.farm-XXXXXX"); trap 'rm -f "$new"' EXIT
  printf '%s' "$text" >"$new"; chmod 644 "$new"; mv -f "$new" "$file"
fi`

/** Kernel settings, now and after the next start. */
export const sysctl = primitive({
  name: 'sysctl',
  description: 'Settings of the kernel, now and after the next start of the host.',
  schema,
  async run({ host }, { name, value, values, state, file, live }) {
    const wanted = new Map(Object.entries(values ?? { [name ?? '']: value }).map(([key, text]) => [sysctlPath(key), { name: key, value: state === 'absent' ? undefined : text }]))
    const paths = [...wanted.keys()]
    const what = `read ${enumerate([...wanted.values()].map((one) => one.name))}`
    const said = await runScript(host.query, host, READ, { what, args: [file, ...paths] })
    const at = `\n${said}`.indexOf('\n- file\n')
    const [text, answers] = at < 0 ? ['', said] : [said.slice(at + '- file\n'.length), said.slice(0, at)]
    const changes: { readonly name: string; readonly path: string; readonly before: string; readonly after: string }[] = []
    for (const [index, [path, own]] of [...wanted].entries()) {
      const lines = answers.split('\n').filter((line) => line.startsWith(`${index} `)).map((line) => line.slice(`${index} `.length))
      if (own.value === undefined) continue
      if (lines[0] === 'missing') {
        // In check mode the module or package that brings it may only have been announced.
        if (!host.check) throw unknownSetting(host.name, own.name, path, lines.slice(1).map((line) => line.replace('near ', '')))
        if (live) changes.push({ name: own.name, path, before: '', after: own.value })
        continue
      }
      const present = normalized((lines[0] ?? '').replace(/^value ?/, ''))
      if (live && present !== own.value) changes.push({ name: own.name, path, before: present, after: own.value })
    }
    const edited = editSettings(text, wanted)
    const writes = (edited ?? '') !== text
    if (changes.length === 0 && !writes) return { changed: false }
    const parts = [...changes.map((one) => `set ${one.name} to ${one.after}${one.before === '' ? '' : ` (was ${one.before})`}`), ...(writes ? [edited === undefined ? `remove ${file}` : `write ${file}`] : [])]
    const side = (key: 'before' | 'after', content: string): string => changes.map((one) => `${one.name}: ${one[key]}\n`).join('') + (writes ? content : '')
    const summary = enumerate(parts)
    const args = [file, edited ?? '', ...changes.flatMap(({ path, after }) => [path, after])]
    await host.change({ summary, diff: { title: writes ? file : 'kernel settings', before: side('before', text), after: side('after', edited ?? '') } }, ($) =>
      runScript($, host, APPLY, { what: summary, args, hint: (stderr) => (stderr.includes('the kernel does not take') ? 'the value may be out of range, or it takes become: true; in a container most settings are read-only' : undefined) }),
    )
    return { changed: true }
  },
})

function unknownSetting(host: string, name: string, path: string, near: readonly string[]): TaskError {
  const module = [['net/bridge/', 'br_netfilter'], ['net/netfilter/', 'nf_conntrack'], ['net/nf_conntrack', 'nf_conntrack']].find(([prefix = '']) => path.startsWith(prefix))?.[1]
  const best = nearest(path, near)
  const dotted = best === undefined ? undefined : best.replace(/[./]/g, (separator) => (separator === '/' ? '.' : '/'))
  const hint = dotted !== undefined ? `did you mean ${dotted}?` : module !== undefined ? `modprobe ${module} on the host brings it` : 'sysctl -a on the host lists all; some come with a kernel module'
  return new TaskError('sysctl-unknown', `the kernel of ${host} has no setting ${name}`, { host, hint })
}
