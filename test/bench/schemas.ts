// The schemas of the payloads in tasks.ts, for the subjects that check and convert what crosses.
import * as Schema from "effect/Schema"

export const Operands = Schema.Struct({ a: Schema.Number, b: Schema.Number })

export const Profile = Schema.Struct({
  id: Schema.Number,
  name: Schema.String,
  active: Schema.Boolean,
  tags: Schema.Array(Schema.String),
  scores: Schema.Array(Schema.Number),
  address: Schema.Struct({ street: Schema.String, city: Schema.String, zip: Schema.String }),
  notes: Schema.String
})

export const SmallRecords = Schema.Array(
  Schema.Struct({
    id: Schema.Number,
    name: Schema.String,
    amount: Schema.Number,
    open: Schema.Boolean,
    group: Schema.String
  })
)
