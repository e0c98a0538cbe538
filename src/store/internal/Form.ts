/** The two forms in which a serialization writes, told apart: what has the other form was written by another one. */

const refuse = (): never => {
  throw new Error("it was written with another serialization: all programs that share a store have to use the same")
}

export const asText = (data: string | Uint8Array): string => (typeof data === "string" ? data : refuse())

export const asBytes = (data: string | Uint8Array): Uint8Array => (typeof data === "string" ? refuse() : data)
