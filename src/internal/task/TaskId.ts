/** The ids of tasks. */

/** What the ids of all requests made in this thread of this process begin with. */
export const idPrefix = `${globalThis.crypto.randomUUID().replaceAll("-", "").slice(0, 16)}-`

/** The id with a prefix and a number. */
export const makeId = (prefix: string, number: number): string => prefix + number.toString(36)

/** What stands for an id: the number in one that was made in this thread of this process, any other id itself. */
export const keyOf = (id: string): number | string =>
  id.startsWith(idPrefix) ? Number.parseInt(id.slice(idPrefix.length), 36) : id
