/** Hosts that are reached through other hosts of the inventory: `farm_via`. */
import { InputError } from '../errors.ts'
import { connect } from './connect.ts'
import { hostSpec, viaOf } from './spec.ts'
import type { Connection } from './types.ts'

type Vars = Readonly<Record<string, unknown>>

/**
 * The hosts on the way to a host: itself, the one that it is reached through, the one behind that, and so on.
 * @param varsOf what {@link connectionVars} gives for a host of the inventory
 * @throws InputError `via-circle` that names the hosts of the circle
 */
export function wayTo(name: string, varsOf: (host: string) => Vars): readonly string[] {
  const way = [name]
  for (let via = viaOf(name, varsOf(name)); via !== undefined; via = viaOf(via, varsOf(via))) {
    const known = way.indexOf(via)
    way.push(via)
    if (known >= 0) throw new InputError('via-circle', `farm_via leads in a circle: ${way.slice(known).join(' > ')}`, { host: name, hint: 'one of these hosts has to be reached without the others' })
  }
  return way
}

/** Connects to a host, and before that to all hosts on the way; closing it closes them too. @throws as {@link connect} and {@link wayTo} */
export async function connectOnWay(name: string, varsOf: (host: string) => Vars, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Connection> {
  const open: Connection[] = []
  const close = async (): Promise<void> => {
    for (const connection of open.toReversed()) await connection.close()
  }
  try {
    for (const host of wayTo(name, varsOf).toReversed()) open.push(await connect({ ...hostSpec(host, varsOf(host)), via: open.at(-1) }, options))
  } catch (error) {
    await close()
    throw error
  }
  const last = open.at(-1) as Connection
  return open.length === 1 ? last : Object.assign(Object.create(last) as Connection, { close, [Symbol.asyncDispose]: close })
}
