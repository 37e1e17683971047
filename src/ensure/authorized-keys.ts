/** The keys with which a user may log in: wanted against present. Pure functions. The format: sshd(8), AUTHORIZED_KEYS FILE FORMAT. */

const KEY = /(?:^|\s)((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[\w.@-]+)\s+(AAAA[\w+/]+={0,3})(?:\s|$)/

/** What makes two lines the same key, whatever their options and comments: type and key itself. Undefined for comments and nonsense. */
export function keyOf(line: string): string | undefined {
  const [, type, blob] = line.startsWith('#') ? [] : (KEY.exec(line.trim()) ?? [])
  return type === undefined ? undefined : `${type} ${blob}`
}

/**
 * The text of authorized_keys with the wanted lines in it: a key that is there with other options or another comment gets the wanted ones, where it stands;
 * a new one comes last. `exclusive` leaves nothing else, comments included.
 */
export function mergeKeys(present: string, wanted: readonly string[], exclusive: boolean): string {
  const lines = new Map(wanted.map((line) => [keyOf(line), line]))
  const seen = new Set<string>()
  const kept = (present === '' ? [] : present.replace(/\n$/, '').split('\n')).flatMap((line): string[] => {
    const key = keyOf(line)
    const own = lines.get(key)
    if (key === undefined || own === undefined) return exclusive ? [] : [line]
    if (seen.has(key)) return []
    seen.add(key)
    return [own]
  })
  const added = [...lines].filter(([key]) => key !== undefined && !seen.has(key)).map(([, line]) => line)
  const all = [...kept, ...added]
  return all.length === 0 ? '' : `${all.join('\n')}\n`
}
