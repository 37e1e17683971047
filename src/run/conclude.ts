/** The end of a recipe: its `conclude` is told what came of it on every host. */
import type { Task, TaskResult } from '../recipe/index.ts'
import type { HostRunOptions, HostRunResult } from './host-options.ts'

/** A host of a recipe; `ended` is undefined when it was never begun, `vars` what it would have begun with. */
interface Concluded {
  readonly name: string
  readonly ended: HostRunResult | undefined
  readonly vars: Readonly<Record<string, unknown>>
}

type Options = Pick<HostRunOptions, 'compiled' | 'variables' | 'shared' | 'check' | 'owner' | 'signal' | 'again' | 'emit'>

/**
 * Calls a recipe's `conclude`, if it has one.
 * @param tasks the names of all its tasks
 * @param fail is told of what it throws, and of the failures that it names
 */
export async function conclude(options: Options, all: readonly Concluded[], tasks: readonly string[], fail: (error: unknown) => void): Promise<void> {
  const { compiled: { recipe }, variables, shared, check, owner, signal, again, emit } = options
  if (recipe.conclude === undefined) return
  const hosts = all.map(({ name, ended, vars }) => ({
    name,
    failed: ended?.failed ?? false,
    failure: ended?.failure,
    undone: ended?.undone ?? tasks,
    seconds: ended?.seconds ?? 0,
    vars: ended?.vars ?? vars,
    variables: variables.of(name),
    resultOf: <Value>(of: Task<never, Value>) => ended?.results.get(of as unknown as Task) as TaskResult<Value> | undefined,
  }))
  try {
    await recipe.conclude({
      hosts,
      check,
      halted: signal.aborted || hosts.some(({ failed, undone }) => !failed && undone.length > 0),
      owner,
      again,
      shared: (key, make) => shared.get(key, make),
      note: (...words: [string] | ['info' | 'warning', string]) => {
        const [level, message] = words.length === 1 ? (['info', words[0]] as const) : words
        emit({ type: 'note', level, message: String(message) })
      },
      // It happens on the controller, whichever hosts it is about.
      result: (lines, data) => emit({ type: 'result', host: 'localhost', lines, data }),
      fail,
    })
  } catch (error) {
    fail(error)
  }
}
