/** A task's `ensure` that loads the primitives when one is used: most runs use few, and all of them take long to load. */
import type { Ensure, EnsureContext } from './index.ts'
import { InputError } from '../errors.ts'
import { didYouMean } from '../suggest.ts'

let loading: Promise<typeof import('./index.ts')> | undefined

/** As `bindEnsure`, later. A name that is no primitive is an InputError when it is called. */
export function lazyEnsure(context: EnsureContext): Ensure {
  let bound: Promise<Ensure> | undefined
  const use = async (name: string, args: unknown): Promise<unknown> => {
    const door = await (loading ??= import('./index.ts'))
    const ensure = (await (bound ??= Promise.resolve(door.bindEnsure(context)))) as unknown as Record<string, (args: unknown) => Promise<unknown>>
    if (!Object.hasOwn(ensure, name)) throw new InputError('primitive', `there is no primitive ensure.${name}`, { hint: didYouMean(name, Object.keys(ensure)) ?? `known: ${Object.keys(ensure).join(', ')}` })
    return ensure[name]?.(args)
  }
  return new Proxy({} as Ensure, {
    // Not `then`: whoever awaits this would wait for a primitive of that name.
    get: (_target, name) => (typeof name === 'symbol' || name === 'then' ? undefined : (args: unknown) => use(name, args)),
  })
}
