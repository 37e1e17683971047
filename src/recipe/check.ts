/** Recipes are checked when they are written as well as when they are typed: who runs one need not have had it typed. */
import { InputError } from '../errors.ts'
import { didYouMean } from '../suggest.ts'

const STEP = ['tags', 'when', 'become', 'notify', 'ignoreErrors', 'ignoreUnreachable', 'anyErrorsFatal', 'runOnce', 'delegateTo']
const TASK = [...STEP, 'retries', 'delay', 'until', 'check', 'timeout', 'throttle']

/** The options that each kind of thing has. */
const OPTIONS = {
  task: TASK,
  loop: [...TASK, 'items'],
  handler: [...TASK, 'listen'],
  block: [...STEP, 'tasks', 'rescue', 'always'],
  include: [...STEP, 'apply'],
  recipe: ['description', 'hosts', 'become', 'vars', 'tasks', 'handlers', 'tags', 'strategy', 'serial', 'maxFailPercentage', 'anyErrorsFatal', 'ignoreUnreachable', 'forceHandlers', 'lock', 'validate', 'destructive', 'addsHosts', 'interactive', 'conclude'],
} as const

/** What Ansible calls otherwise. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  check_mode: 'check', no_log: 'a secret, see docs/variables.md', loop: 'loop(name, { items }, …)', with_items: 'loop(name, { items }, …)', register: 'resultOf(task)',
  become_user: 'become: { user }', become_method: 'become: { method }', failed_when: 'fail(…)', changed_when: 'host.query', gather_facts: 'facts()', max_fail_percentage: 'maxFailPercentage',
}

const TEXTS = ['tags', 'listen', 'apply']
const BOOLEANS = ['ignoreErrors', 'ignoreUnreachable', 'anyErrorsFatal', 'runOnce', 'check', 'forceHandlers', 'lock', 'destructive', 'addsHosts']
const FUNCTIONS = ['validate', 'interactive', 'conclude', 'until']
const NUMBERS = ['retries', 'delay', 'timeout', 'throttle', 'maxFailPercentage']

/** @throws InputError `recipe-option` for an option that is not known or has a value of another type. */
export function checkOptions(kind: keyof typeof OPTIONS, name: string, options: object): void {
  const known: readonly string[] = OPTIONS[kind]
  const wrong = (message: string, hint?: string): InputError => new InputError('recipe-option', `${kind} "${name}": ${message}`, { hint })
  if (typeof name !== 'string' || name === '') throw new InputError('recipe-option', `a ${kind} needs a name`)
  for (const [option, value] of Object.entries(options) as [string, unknown][]) {
    if (!known.includes(option)) {
      const camel = option.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase())
      const instead = ELSEWHERE[option] ?? (known.includes(camel) ? camel : undefined)
      throw wrong(`there is no option ${option}`, instead === undefined ? (didYouMean(option, known) ?? `known options: ${known.join(', ')}`) : `in farm: ${instead}`)
    }
    if (value === undefined) continue
    const list: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (TEXTS.includes(option) && !list.every((item) => typeof item === 'string')) throw wrong(`${option} is text or a list of texts`)
    if (BOOLEANS.includes(option) && typeof value !== 'boolean') throw wrong(`${option} is true or false, got ${JSON.stringify(value) ?? typeof value}`)
    if (NUMBERS.includes(option) && !(typeof value === 'number' && value >= 0)) throw wrong(`${option} is a number, got ${JSON.stringify(value) ?? typeof value}`)
    if (option === 'when' && kind !== 'loop' && !list.every((item) => typeof item === 'function')) throw wrong('when is a function, or a list of functions', 'write `when: ({ vars }) => vars.wanted`')
    if (FUNCTIONS.includes(option) && typeof value !== 'function') throw wrong(`${option} is a function, got ${JSON.stringify(value) ?? typeof value}`)
    if (option === 'strategy' && value !== 'free' && value !== 'lock-step') throw wrong(`strategy is 'free' or 'lock-step', got ${JSON.stringify(value) ?? typeof value}`, value === 'linear' ? "what Ansible calls linear is 'lock-step'" : undefined)
  }
}

/** @throws InputError `recipe-option` for a part that is missing or of another kind. */
export function checkParts(kind: 'recipe' | 'block', name: string, parts: object, needed: readonly string[]): void {
  const given = parts as Readonly<Record<string, unknown>>
  for (const part of needed) {
    const list = part === 'tasks'
    if (list ? Array.isArray(given[part]) : typeof given[part] === 'string') continue
    throw new InputError('recipe-option', `${kind} "${name}" needs ${part}: ${list ? 'a list of tasks' : 'a text'}`)
  }
  const vars = given['vars']
  if (vars !== undefined && (typeof vars !== 'object' || vars === null || !('safeParse' in vars))) {
    throw new InputError('recipe-option', `${kind} "${name}": vars is a schema`, { hint: 'write `vars: z.object({ … })`' })
  }
}

/** @throws InputError `recipe-step` for what stands in a list of steps and is none. */
export function checkStep(step: unknown, index: number): void {
  if (typeof step === 'object' && step !== null && 'kind' in step && ['task', 'block', 'include', 'flush'].includes(String(step.kind))) return
  const what = Array.isArray(step) ? 'a list' : step === null ? 'null' : typeof step
  const hint = Array.isArray(step) ? 'spread it: `...list`' : typeof step === 'function' ? 'give it a name: `task(name, function)`' : 'a constant that is used before the line that defines it is undefined'
  throw new InputError('recipe-step', `step ${index + 1} of a list of steps is no task, block or include but ${what}`, { hint })
}
