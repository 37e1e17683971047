/**
 * Variables: layers with the places where values were written, templates, schemas. Start with layer.ts, then scope.ts.
 */
export { describeValue, isMap, layerOf, Secret, Tagged, Unsafe, untrusted, Vaulted, type Layer, type ValuePath } from './layer.ts'
export { loadYaml, readText, yamlLayer } from './load.ts'
export { parseYaml, type ParsedYaml } from './yaml.ts'
export { parseExtraVars } from './extra.ts'
export { currentKeyring, useKeyring, VaultKeyring } from './keyring.ts'
export { encryptVault, isVaultText } from './vault.ts'
export { isSecretName, Scope, type OtherHosts, type ScopeOptions, type Setting } from './scope.ts'
export { type Lookups } from './helpers.ts'
export { checkVars } from './check.ts'
export { describeVars, type VarDescription } from './describe.ts'
export { renderTemplate } from './render.ts'
export { escapeXml } from './formats.ts'
export { randomMac, randomPort } from './helpers/codes.ts'
