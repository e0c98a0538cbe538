/** Tasks that know a part of their payload already. */

import type * as Schema from "effect/Schema"
import type { PayloadInput } from "../../TaskDefinition.ts"

/** The schema of a payload of which calls give the rest. */
export interface Payload<Whole extends Schema.Constraint, Given> extends Schema.Constraint {
  readonly Type: Whole["Type"]
  readonly "~type.make.in": Rest<PayloadInput<Whole>, Given>
}

/** The elements of a tuple behind the first ones. */
type Behind<All extends ReadonlyArray<unknown>, First extends ReadonlyArray<unknown>> = First extends readonly [
  unknown,
  ...infer FirstRest
]
  ? All extends readonly [unknown, ...infer Rest]
    ? Behind<Rest, FirstRest>
    : []
  : All

/** What can be fixed of a payload: some of the fields of a struct, the first elements of a tuple. */
export type Fixed<Payload> = Payload extends readonly [infer First, ...infer Rest]
  ? readonly [First, ...{ [K in keyof Rest]?: Rest[K] }] | readonly [First]
  : Payload extends ReadonlyArray<unknown>
    ? never
    : Payload extends object
      ? { readonly [K in keyof Payload]?: Payload[K] }
      : never

/**
 * What is left of a payload to be given with a call. Fields that were fixed may be given again, and then replace them. All
 * can be left out when nothing is missing.
 */
export type Rest<Payload, Given> =
  Payload extends ReadonlyArray<unknown>
    ? Given extends ReadonlyArray<unknown>
      ? Behind<Payload, Given> extends readonly []
        ? void
        : Behind<Payload, Given>
      : never
    : {} extends Omit<Payload, keyof Given>
      ? void | { readonly [K in keyof Payload]?: Payload[K] }
      : Omit<Payload, keyof Given> & { readonly [K in keyof Given & keyof Payload]?: Payload[K] }

/** Puts a payload together of the part that is fixed and the part that came with the call. */
export const merge = (fixed: unknown, rest: unknown): unknown =>
  Array.isArray(fixed)
    ? [...(fixed as ReadonlyArray<unknown>), ...((rest as ReadonlyArray<unknown> | undefined) ?? [])]
    : { ...(fixed as object), ...(rest as object | undefined) }
