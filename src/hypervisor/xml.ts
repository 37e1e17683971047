/**
 * libvirt's XML as a small tree: reading, writing, and the comparison that drift is found with.
 *
 * libvirt adds a great deal to what it is given (addresses, aliases, controllers). What counts is whether everything
 * that is wanted is there: `project` cuts what exists down to the shape of what is wanted, and the two are then equal
 * or their difference is the drift.
 */
import { createRequire } from 'node:module'
import type * as FastXml from 'fast-xml-parser'
import { escapeXml } from '../vars/index.ts'

/** An element; `text` is its own character data, trimmed. Namespace prefixes stay part of names. */
export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Element[]
  readonly text: string
}

/** Loaded when the first document is read: runs that meet no libvirt do without. */
let library: { readonly parser: FastXml.XMLParser; readonly validator: typeof FastXml.XMLValidator } | undefined

function xml(): NonNullable<typeof library> {
  if (library === undefined) {
    const { XMLParser, XMLValidator } = createRequire(import.meta.url)('fast-xml-parser') as typeof FastXml
    library = { parser: new XMLParser(OPTIONS), validator: XMLValidator }
  }
  return library
}

const OPTIONS = {
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  processEntities: true,
  htmlEntities: true,
  trimValues: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
}

type Node = Record<string, unknown>

/**
 * Reads a document's root element.
 *
 * @throws Error with line and column when the text is not well-formed.
 */
export function parseXml(text: string): Element {
  const valid = xml().validator.validate(text)
  if (valid !== true) throw new Error(`not well-formed XML at ${valid.err.line}:${valid.err.col}: ${valid.err.msg}`)
  const nodes = xml().parser.parse(text) as Node[]
  const root = nodes.map(toElement).find((element) => element !== undefined)
  if (root === undefined) throw new Error('an XML document without an element')
  return root
}

function toElement(node: Node): Element | undefined {
  const name = Object.keys(node).find((key) => key !== ':@' && key !== '#text')
  if (name === undefined) return undefined
  const inner = (node[name] as Node[] | undefined) ?? []
  return {
    name,
    attributes: (node[':@'] as Record<string, string> | undefined) ?? {},
    children: inner.map(toElement).filter((child) => child !== undefined),
    text: inner.map((child) => (child['#text'] === undefined ? '' : String(child['#text']))).join('').trim(),
  }
}

/** The first child of that name, or the first descendant along a path of names. */
export function find(element: Element | undefined, ...path: string[]): Element | undefined {
  let here = element
  for (const name of path) here = here?.children.find((child) => child.name === name)
  return here
}

/** All children of that name. */
export function findAll(element: Element | undefined, name: string): readonly Element[] {
  return element?.children.filter((child) => child.name === name) ?? []
}

/** Attributes that say which of several like elements is meant. */
const IDENTITY: Readonly<Record<string, (element: Element) => string | undefined>> = {
  disk: (element) => find(element, 'target')?.attributes['dev'],
  interface: (element) => find(element, 'mac')?.attributes['address'],
  host: (element) => element.attributes['mac'] ?? element.attributes['ip'],
  serial: (element) => find(element, 'target')?.attributes['port'],
  console: (element) => find(element, 'target')?.attributes['type'],
  channel: (element) => find(element, 'target')?.attributes['name'],
  feature: (element) => element.attributes['name'],
}

function counterpart(wanted: Element, siblings: readonly Element[], among: readonly Element[]): Element | undefined {
  const identity = IDENTITY[wanted.name]?.(wanted)
  const candidates = among.filter((candidate) => candidate.name === wanted.name)
  if (identity !== undefined) return candidates.find((candidate) => IDENTITY[wanted.name]?.(candidate) === identity)
  return candidates[siblings.filter((sibling) => sibling.name === wanted.name).indexOf(wanted)]
}

/** libvirt resolves a machine type's alias (`q35` becomes `pc-q35-7.2`); an alias that fits is no difference. */
function sameValue(attribute: string, wanted: string, actual: string): string {
  if (attribute === 'machine' && !/\d\.\d/.test(wanted)) {
    const versioned = new RegExp(`^(pc-)?${wanted === 'pc' ? 'i440fx' : wanted.replace(/[^\w-]/g, '')}(-[\\w.]+)?$`)
    if (versioned.test(actual)) return wanted
  }
  return actual
}

/** What exists, cut down to the attributes and children that are wanted. */
export function project(actual: Element, wanted: Element): Element {
  const attributes: Record<string, string> = {}
  for (const [key, value] of Object.entries(wanted.attributes)) {
    const present = actual.attributes[key]
    if (present !== undefined) attributes[key] = sameValue(key, value, present)
  }
  const children = wanted.children.flatMap((child) => {
    const match = counterpart(child, wanted.children, actual.children)
    return match === undefined ? [] : [project(match, child)]
  })
  return { name: wanted.name, attributes, children, text: wanted.text === '' ? '' : actual.text }
}

const KIB: Readonly<Record<string, number>> = { b: 1 / 1024, bytes: 1 / 1024, k: 1, KiB: 1, M: 1024, MiB: 1024, G: 1048576, GiB: 1048576 }

/** Writes sizes in MiB where they are whole, so that units do not look like differences. */
function normalise(element: Element): Element {
  const children = element.children.map(normalise)
  if (element.name !== 'memory' && element.name !== 'currentMemory') return { ...element, children }
  const kib = Number(element.text) * (KIB[element.attributes['unit'] ?? 'KiB'] ?? 1)
  const whole = kib % 1024 === 0
  return { ...element, children, attributes: { ...element.attributes, unit: whole ? 'MiB' : 'KiB' }, text: String(whole ? kib / 1024 : kib) }
}

/** Writes an element with two blanks of indentation a level, attributes in their order. */
export function formatXml(element: Element, indent = ''): string {
  const attributes = Object.entries(element.attributes).map(([key, value]) => ` ${key}='${escapeXml(value)}'`).join('')
  if (element.children.length === 0) {
    return element.text === '' ? `${indent}<${element.name}${attributes}/>\n` : `${indent}<${element.name}${attributes}>${escapeXml(element.text)}</${element.name}>\n`
  }
  const inner = element.children.map((child) => formatXml(child, `${indent}  `)).join('')
  return `${indent}<${element.name}${attributes}>\n${inner}${indent}</${element.name}>\n`
}

/** What differs between a document that exists and one that is wanted; undefined where nothing that is wanted is amiss. */
export function compareXml(actual: Element, wanted: Element): { readonly before: string; readonly after: string } | undefined {
  const after = formatXml(normalise(wanted))
  const before = formatXml(project(normalise(actual), normalise(wanted)))
  return before === after ? undefined : { before, after }
}

/** Elements that are farm's as a whole: a child that is no longer wanted goes. */
const WHOLE = ['os', 'cpu', 'farm:machine', 'qemu:commandline']

/**
 * Lays what is wanted over what exists: wanted attributes and children win, everything else stays, so that what libvirt
 * or somebody else has added survives a redefinition. `currentMemory` follows `memory` unless it is wanted itself.
 */
export function mergeXml(actual: Element, wanted: Element): Element {
  if (WHOLE.includes(wanted.name)) return wanted
  const matches = new Map(wanted.children.map((child) => [child, counterpart(child, wanted.children, actual.children)]))
  const taken = new Set(matches.values())
  const kept = actual.children.filter((child) => !taken.has(child) && child.name !== 'currentMemory' && !WHOLE.includes(child.name))
  const merged = wanted.children.map((child) => {
    const match = matches.get(child)
    return match === undefined ? child : mergeXml(match, child)
  })
  return { name: wanted.name, attributes: { ...actual.attributes, ...wanted.attributes }, children: [...merged, ...kept], text: wanted.text === '' ? actual.text : wanted.text }
}
