/** Permissions and ownership: wanted against present. Pure functions. */
import { posixQuote, type Stat } from '../host/index.ts'

/** What is wanted; what is undefined may be anything. */
export interface Attributes {
  /** Permission bits. */
  readonly mode?: number | undefined
  /** Names or numbers. */
  readonly owner?: string | undefined
  readonly group?: string | undefined
}

/** One of them that is not as it shall be. */
export interface AttributeChange {
  readonly name: 'mode' | 'owner' | 'group'
  readonly before: string
  readonly after: string
}

/** Permission bits as people write them: `0644`. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

/** What differs, in the order mode, owner, group. */
export function attributeChanges({ mode, owner, group }: Attributes, present: Pick<Stat, 'mode' | 'uid' | 'gid' | 'owner' | 'group'>): AttributeChange[] {
  const changes: AttributeChange[] = []
  if (mode !== undefined && mode !== present.mode) changes.push({ name: 'mode', before: octal(present.mode), after: octal(mode) })
  if (owner !== undefined && !same(owner, present.uid, present.owner)) changes.push({ name: 'owner', before: present.owner, after: owner })
  if (group !== undefined && !same(group, present.gid, present.group)) changes.push({ name: 'group', before: present.group, after: group })
  return changes
}

function same(wanted: string, id: number, name: string): boolean {
  return wanted === name || (/^\d+$/.test(wanted) && Number(wanted) === id)
}

/** In the imperative: `set the mode of /x to 0644 and the owner to web`. */
export function describeChanges(path: string, changes: readonly AttributeChange[]): string {
  const parts = changes.map(({ name, after }, index) => (index === 0 ? `the ${name} of ${path} to ${after}` : `the ${name} to ${after}`))
  return `set ${parts.length > 2 ? `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}` : parts.join(' and ')}`
}

/** The two sides of a difference in attributes, for a diff. */
export function attributeSides(changes: readonly AttributeChange[]): { before: string; after: string } {
  const side = (key: 'before' | 'after'): string => changes.map((change) => `${change.name}: ${change[key]}\n`).join('')
  return { before: side('before'), after: side('after') }
}

/** For chown: `user`, `:group`, `user:group`; undefined when nothing is wanted. */
export function ownership({ owner, group }: Attributes): string | undefined {
  if (owner === undefined && group === undefined) return undefined
  return `${owner ?? ''}${group === undefined ? '' : `:${group}`}`
}

/** Shell commands that set what is wanted on `target`, which is shell text already. Ownership first: chown takes setuid bits away. */
export function setAttributes(wanted: Attributes, target: string): string {
  const owner = ownership(wanted)
  return [...(owner === undefined ? [] : [`chown ${posixQuote(owner)} ${target}`]), ...(wanted.mode === undefined ? [] : [`chmod ${octal(wanted.mode)} ${target}`])].join('\n')
}
