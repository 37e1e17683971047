/** Addresses as messages may show them. */

/** The address without its password; what is no address stays as it is. */
export function shownUrl(url: string): string {
  if (!URL.canParse(url)) return url
  const parsed = new URL(url)
  if (parsed.password === '') return url
  parsed.password = '***'
  return parsed.href
}
