/**
 * One reachable machine. Start reading at types.ts; then connect.ts (how a host is reached), shell.ts (how a command runs),
 * privilege.ts (as whom) and bind.ts (what a task gets).
 */
export { onAbort } from './abort.ts'
export { bindHost, bindingOf, type Binding } from './bind.ts'
export { connect } from './connect.ts'
export { factsOf, type Facts } from './facts.ts'
export { byteSink, parseStat, readEntry, STAT_FORMAT, temporaryName, writeState, type Entry, type Stat, type WriteOptions } from './files.ts'
export { generateKeyPair, publicKeyOf, type KeyPair } from './keys.ts'
export { posixQuote } from './quote.ts'
export { firstLine } from './shell.ts'
export { becomeSpec, connectionVars, hostSpec } from './spec.ts'
export { TAR_BLOCK, tarEnd, tarHeader, tarPadding } from './tar.ts'
export { sendFiles, type Parcel } from './transfer.ts'
export { connectOnWay, wayTo } from './via.ts'
export type { Become, Connection, Host, HostSpec, Recorder, RemoteProcess, Shell } from './types.ts'
