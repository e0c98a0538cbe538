/** Checks of the options of middlewares. What is wrong with them is a defect of the Layer that says which. */
import * as Duration from "effect/Duration"

/** A whole number of at least `least`. */
export const wholeNumber = (name: string, value: number, least: number): number => {
  if (Number.isInteger(value) && value >= least) return value
  throw new RangeError(`${name} has to be a whole number of at least ${least}, and is ${value}`)
}

/** The bound of a line: a whole number, or none. */
export const bound = (name: string, value: number | undefined): number =>
  value === undefined || value === Infinity ? Infinity : wholeNumber(name, value, 0)

/** A time in milliseconds that is longer than none, and ends. */
export const positiveMillis = (name: string, input: Duration.Input): number => {
  const millis = Duration.toMillis(Duration.fromInputUnsafe(input))
  if (millis > 0 && millis < Infinity) return millis
  throw new RangeError(`${name} has to be a time of more than 0 ms that ends, and is ${millis} ms`)
}
