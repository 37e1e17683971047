/**
 * One reachable machine. Start reading at types.ts; then connect.ts (how a host is reached), shell.ts (how a command runs),
 * privilege.ts (as whom) and bind.ts (what a task gets).
 */
export { bindHost, type Binding } from './bind.ts'
export { connect } from './connect.ts'
export { factsOf, type Facts } from './facts.ts'
export { generateKeyPair, publicKeyOf, type KeyPair } from './keys.ts'
export { posixQuote } from './quote.ts'
export { becomeSpec, hostSpec } from './spec.ts'
export type { Become, Connection, Host, HostSpec, Recorder, RemoteProcess, Shell } from './types.ts'
