/** Large inventories with the same hosts, groups and variables in INI and in YAML. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Groups whose names end in 00 to 19 are the children of s0, the next twenty those of s1, and so on. */
const CHILDREN = 20

/** A pattern over it, and what it selects from 10 000 hosts in 200 groups: 450. */
export const PATTERN = 's1:&g02*:!g025'

/** Writes both inventories. */
export function largeInventories(dir: string, hosts: number, groups: number): { readonly ini: string; readonly yaml: string } {
  const each = Math.ceil(hosts / groups)
  const group = (index: number): string => `g${String(index).padStart(3, '0')}`
  const members = (index: number): { name: string; vars: [string, string][] }[] =>
    Array.from({ length: each }, (_, at) => {
      const number = index * each + at
      return {
        name: `h${String(number).padStart(5, '0')}`,
        vars: [
          ['ansible_host', `10.0.${number >> 8}.${number & 255}`],
          ['rack', String(number % 40)],
          ['role', `r${number % 7}`],
        ],
      }
    })
  const vars = (index: number): [string, string][] => [
    ['zone', `z${index % 8}`],
    ['port', String(2000 + index)],
  ]
  const indices = Array.from({ length: groups }, (_, index) => index)
  const supers = Array.from({ length: Math.ceil(groups / CHILDREN) }, (_, at) => ({ name: `s${at}`, children: indices.slice(at * CHILDREN, (at + 1) * CHILDREN) }))

  const ini = join(dir, 'large.ini')
  writeFileSync(
    ini,
    [
      ...indices.map((index) =>
        [
          `[${group(index)}]`,
          ...members(index).map(({ name, vars: own }) => `${name} ${own.map(([key, value]) => `${key}=${value}`).join(' ')}`),
          `[${group(index)}:vars]`,
          ...vars(index).map(([key, value]) => `${key}=${value}`),
        ].join('\n'),
      ),
      ...supers.map(({ name, children }) => [`[${name}:children]`, ...children.map(group)].join('\n')),
      '',
    ].join('\n'),
  )
  const yaml = join(dir, 'large.yml')
  writeFileSync(
    yaml,
    [
      'all:',
      '  children:',
      ...supers.flatMap(({ name, children }) => [
        `    ${name}:`,
        '      children:',
        ...children.flatMap((index) => [
          `        ${group(index)}:`,
          '          vars:',
          ...vars(index).map(([key, value]) => `            ${key}: ${value}`),
          '          hosts:',
          ...members(index).flatMap(({ name: host, vars: own }) => [`            ${host}:`, ...own.map(([key, value]) => `              ${key}: ${value}`)]),
        ]),
      ]),
      '',
    ].join('\n'),
  )
  return { ini, yaml }
}
