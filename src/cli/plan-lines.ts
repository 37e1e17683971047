/** What a run would do, as lines: for `--list-hosts`, `--list-tasks`, `--list-tags` and `--syntax-check`. */
import { clean, count, pad, width } from '../report/index.ts'
import type { Plan } from './engine.ts'

/** What is asked for; several at once are shown together. */
export interface WantedLists {
  readonly hosts: boolean
  readonly tasks: boolean
  readonly tags: boolean
  readonly check: boolean
}

/** Titles of handlers begin with this. */
const HANDLER = 'handler: '

/** The lines. A run of one recipe needs no headings but its own. */
export function planLines(name: string, { stages, tags }: Plan, wanted: WantedLists): string[] {
  const lines: string[] = []
  if (wanted.hosts || wanted.tasks) {
    for (const { title, hosts, tasks } of stages) {
      lines.push(`${clean(title)}: ${count(hosts.length, 'host')}, ${count(tasks.length, 'task')}`)
      if (wanted.hosts) lines.push('  hosts', ...hosts.map((host) => `    ${clean(host)}`))
      if (wanted.tasks) lines.push('  tasks', ...taskLines(tasks))
    }
  }
  if (wanted.tags) lines.push(tags.length === 0 ? 'no tags' : `tags: ${tags.map(clean).join(', ')}`)
  if (wanted.check) {
    const hosts = new Set(stages.flatMap((stage) => stage.hosts)).size
    lines.push(`${name}: nothing wrong is seen (${count(stages.reduce((sum, { tasks }) => sum + tasks.length, 0), 'task')}, ${count(hosts, 'host')})`)
  }
  return lines
}

function taskLines(tasks: Plan['stages'][number]['tasks']): string[] {
  const titles = tasks.map(({ name, depth, handler }) => `    ${'  '.repeat(depth)}${handler ? HANDLER : ''}${clean(name)}`)
  const columns = Math.max(0, ...titles.map(width))
  return tasks.map((task, index) => (task.tags.length === 0 ? (titles[index] ?? '') : `${pad(titles[index] ?? '', columns)}  [${task.tags.map(clean).join(', ')}]`))
}
