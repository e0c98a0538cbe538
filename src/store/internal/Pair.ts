/** Two texts as one, of which no other two make the same: for keys that have two parts. */

export const pairOf = (first: string, second: string): string => `${first.length}:${first}${second}`

/** The second text of a pair. */
export const secondOf = (pair: string): string => {
  const colon = pair.indexOf(":")
  return pair.slice(colon + 1 + Number(pair.slice(0, colon)))
}
