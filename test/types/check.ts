// What the type tests of this folder say things with. They are checked by the compiler, and never run.

/** True when two types are the same, and not only assignable to each other. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only for `true`. */
export const check = <_Holds extends true>(): void => {}

/** Compiles only for `false`. */
export const checkNot = <_Fails extends false>(): void => {}

/** A value of a type, for calls that are never made. */
export const some = <A>(): A => undefined as A

// The checks themselves tell types apart.
check<Equal<string, string>>()
checkNot<Equal<string, string | undefined>>()
checkNot<Equal<string, any>>()
checkNot<Equal<unknown, any>>()
checkNot<Equal<never, any>>()
checkNot<Equal<{ readonly a: 1 }, { a: 1 }>>()
// @ts-expect-error: the types differ
check<Equal<string, number>>()
