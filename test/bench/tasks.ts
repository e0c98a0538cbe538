// The work itself. Every subject of the benchmark runs these same functions in its workers, so that what differs is
// only how a task gets there and back. This module imports nothing: what a pool's worker loads beside it is the pool's.

export interface Operands {
  readonly a: number
  readonly b: number
}

/** A value of about 1 KB as JSON text. */
export interface Profile {
  readonly id: number
  readonly name: string
  readonly active: boolean
  readonly tags: ReadonlyArray<string>
  readonly scores: ReadonlyArray<number>
  readonly address: { readonly street: string; readonly city: string; readonly zip: string }
  readonly notes: string
}

/** One of the about 10,000 small records that make up 1 MB of JSON text. */
export interface SmallRecord {
  readonly id: number
  readonly name: string
  readonly amount: number
  readonly open: boolean
  readonly group: string
}

/** A task that costs nothing, so that a run of them shows what the pool costs. */
export const tiny = ({ a, b }: Operands): number => a + b

/**
 * Keeps one core busy for a fixed amount of work, not for a fixed time: two of them on one core take twice as long.
 * Answers the milliseconds it took.
 */
export const burn = ({ iterations }: { readonly iterations: number }): number => {
  const startedAt = performance.now()
  let state = 1
  for (let index = 0; index < iterations; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
  }
  const elapsed = performance.now() - startedAt
  // The comparison is never true; it keeps the loop's result in use.
  return state === 0.5 ? 0 : elapsed
}

/** Sends a 1 KB object back. */
export const echoProfile = ({ profile }: { readonly profile: Profile }): Profile => profile

/** Sends 1 MB of small records back. */
export const echoRecords = ({
  records
}: {
  readonly records: ReadonlyArray<SmallRecord>
}): ReadonlyArray<SmallRecord> => records

/** Answers how many bytes arrived. */
export const weigh = ({ bytes }: { readonly bytes: Uint8Array<ArrayBuffer> }): number => bytes.byteLength

/**
 * Never looks up again. The limit, far beyond every time limit of the benchmark, only keeps a forgotten worker from
 * running for ever.
 */
export const spin = ({ limitMillis }: { readonly limitMillis: number }): number => {
  const end = performance.now() + limitMillis
  while (performance.now() < end);
  return limitMillis
}
