/** What options hold, checked and read. A bad one is a defect that says which. */
import * as Duration from "effect/Duration"

/** A whole number of at least `least`. */
export const wholeNumber = (name: string, value: number, least: number): number => {
  if (Number.isInteger(value) && value >= least) return value
  throw new RangeError(`${name} has to be a whole number of at least ${least}, and is ${value}`)
}

/** A duration in milliseconds. */
export const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

/** The bound of a line: a whole number, or none. */
export const bound = (name: string, value: number | undefined): number =>
  value === undefined || value === Infinity ? Infinity : wholeNumber(name, value, 0)

/** A time in milliseconds that is longer than none, and ends. */
export const positiveMillis = (name: string, input: Duration.Input): number => {
  const time = millis(input)
  if (time > 0 && time < Infinity) return time
  throw new RangeError(`${name} has to be a time of more than 0 ms that ends, and is ${time} ms`)
}
