/**
 * The field `image`: a list of steps replaces the pipeline, a map edits what the files before have said:
 * `{ insert: { after: fetch, steps: […] } }`, `set`, `remove`, `prepend`, `append`.
 */
import type { Location } from '../../errors.ts'
import type { ImageStep } from '../../image/types.ts'
import { describeValue, isMap, type ValuePath } from '../../vars/layer.ts'
import { mergeMaps } from './merge.ts'
import { label, type Origin, type Problem } from './problems.ts'

/** A step as definition files write it: a map of one key. */
export type WrittenStep = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const EDITS = ['set', 'remove', 'insert', 'prepend', 'append'] as const
const places = new WeakMap<WrittenStep, Location>()

/** Lays one file's `image` over the pipeline so far. Mistakes are added to `problems`, and what is wrong is left out. */
export function mergeImage(previous: readonly WrittenStep[], value: unknown, origin: Origin, problems: Problem[]): WrittenStep[] {
  const here: ValuePath = ['image']
  if (Array.isArray(value)) return readSteps(value, here, origin, problems)
  if (!isMap(value)) return wrong(problems, origin, here, value, 'a list of steps, or a map of edits') ?? [...previous]
  for (const key of Object.keys(value)) {
    if (!EDITS.some((edit) => edit === key)) problems.push({ text: `${label([...here, key])} is not known here`, location: origin([...here, key]), word: key, known: EDITS, ...(previous.some((step) => key in step) || value[key] === null ? { hint: 'a pipeline is a list: begin each step with "- "' } : {}) })
  }
  const edit = new PipelineEdit([...previous], origin, problems)
  edit.set(value['set'])
  edit.remove(value['remove'])
  edit.insert(value['insert'])
  const [first, last] = [edit.read(value['prepend'], 'prepend'), edit.read(value['append'], 'append')]
  return [...first, ...edit.steps, ...last]
}

/** The pipeline as the image layer reads it; the arguments are ordinary objects and nobody else's. */
export function imageSteps(steps: readonly WrittenStep[]): ImageStep[] {
  return steps.flatMap((step) => Object.entries(step).map(([name, args]) => ({ step: name, args: structuredClone(args), location: places.get(step) })))
}

class PipelineEdit {
  steps: WrittenStep[]
  readonly #origin: Origin
  readonly #problems: Problem[]

  constructor(steps: WrittenStep[], origin: Origin, problems: Problem[]) {
    this.steps = steps
    this.#origin = origin
    this.#problems = problems
  }

  set(value: unknown): void {
    if (value === undefined || value === null) return
    if (!isMap(value)) return void wrong(this.#problems, this.#origin, ['image', 'set'], value, 'a map of steps and their arguments')
    for (const [name, args] of Object.entries(value)) {
      const at = this.#find(name, ['image', 'set', name], 'only')
      if (at === undefined) continue
      if (!isMap(args)) wrong(this.#problems, this.#origin, ['image', 'set', name], args, 'a map of arguments')
      else this.steps[at] = placed({ [name]: mergeMaps(this.steps[at]?.[name] ?? {}, args) }, this.#origin(['image', 'set', name]))
    }
  }

  remove(value: unknown): void {
    if (value === undefined || value === null) return
    for (const name of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      if (typeof name !== 'string') wrong(this.#problems, this.#origin, ['image', 'remove'], name, "a step's name")
      else if (this.#find(name, ['image', 'remove'], 'first') !== undefined) this.steps = this.steps.filter((step) => !(name in step))
    }
  }

  insert(value: unknown): void {
    if (value === undefined || value === null) return
    for (const [index, item] of (Array.isArray(value) ? (value as readonly unknown[]) : [value]).entries()) {
      const path: ValuePath = Array.isArray(value) ? ['image', 'insert', index] : ['image', 'insert']
      const anchor = isMap(item) ? (['after', 'before'] as const).filter((key) => item[key] !== undefined) : []
      const [key] = anchor
      const strange = isMap(item) ? Object.keys(item).filter((name) => !['after', 'before', 'steps'].includes(name)) : []
      if (!isMap(item) || key === undefined || anchor.length > 1 || strange.length > 0 || typeof item[key] !== 'string') {
        wrong(this.#problems, this.#origin, path, item, "a map of after or before (a step's name) and steps")
        continue
      }
      const steps = this.read(item['steps'], ...path.slice(1), 'steps')
      const at = this.#find(item[key], [...path, key], key === 'after' ? 'last' : 'first')
      if (at !== undefined) this.steps.splice(key === 'after' ? at + 1 : at, 0, ...steps)
    }
  }

  read(value: unknown, ...path: (string | number)[]): WrittenStep[] {
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) return wrong(this.#problems, this.#origin, ['image', ...path], value, 'a list of steps') ?? []
    return readSteps(value, ['image', ...path], this.#origin, this.#problems)
  }

  /** The index of a step; with `only` it has to be the single one of its name. */
  #find(name: string, path: ValuePath, which: 'first' | 'last' | 'only'): number | undefined {
    const found = this.steps.flatMap((step, index) => (name in step ? [index] : []))
    const names = this.steps.flatMap((step) => Object.keys(step))
    const problem = found.length === 0 ? `there is no step ${name} in the pipeline so far (${names.join(', ') || 'it is empty'})` : which === 'only' && found.length > 1 ? `there are ${found.length} steps ${name}; write the whole pipeline instead` : undefined
    if (problem === undefined) return which === 'last' ? found.at(-1) : found[0]
    this.#problems.push({ text: `${label(path)}: ${problem}`, location: this.#origin(path), ...(found.length === 0 ? { word: name, known: names } : {}) })
    return undefined
  }
}

function readSteps(list: readonly unknown[], path: ValuePath, origin: Origin, problems: Problem[]): WrittenStep[] {
  return list.flatMap((item, index) => {
    const here = [...path, index]
    const entries: [string, unknown][] = typeof item === 'string' ? [[item, null]] : isMap(item) ? Object.entries(item) : []
    const [entry] = entries
    if (entries.length !== 1 || entry === undefined || !/^[a-z][a-z0-9_-]*$/.test(entry[0]) || !(entry[1] === null || isMap(entry[1]))) {
      return wrong(problems, origin, here, item, 'a step: its name and below it a map of its arguments') ?? []
    }
    return [placed({ [entry[0]]: mergeMaps({}, entry[1] ?? {}) }, origin(here) ?? origin(path))]
  })
}

function placed(step: WrittenStep, location: Location | undefined): WrittenStep {
  if (location) places.set(step, location)
  return step
}

function wrong(problems: Problem[], origin: Origin, path: ValuePath, got: unknown, expected: string): undefined {
  problems.push({ text: `${label(path)}: got ${describeValue(got)}, expected ${expected}`, location: origin(path) ?? origin(['image']) })
  return undefined
}
