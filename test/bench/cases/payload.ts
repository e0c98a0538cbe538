// What values cost to send there and back.
import { type Case, makeAwake } from "../case.ts"
import { median } from "../measure.ts"
import type { Metric } from "../results.ts"
import type { Call, Pool } from "../subject.ts"
import type { Profile, SmallRecord } from "../tasks.ts"

const profile: Profile = {
  id: 4711,
  name: "Ada Lovelace",
  active: true,
  tags: Array.from({ length: 16 }, (_, index) => `label number ${index}`),
  scores: Array.from({ length: 20 }, (_, index) => index * 1.25),
  address: { street: "12 Long Street", city: "London", zip: "W1J 7NT" },
  notes: "The engine weaves algebraical patterns just as the loom weaves flowers and leaves. ".repeat(4)
}

const records: ReadonlyArray<SmallRecord> = Array.from({ length: 11_500 }, (_, index) => ({
  id: index,
  name: `customer number ${index}`,
  amount: index * 1.5,
  open: index % 3 === 0,
  group: `group ${index % 17}`
}))

const medianMillis = async (pool: Pool, call: Call, count: number): Promise<number> => {
  const times: Array<number> = []
  await pool.loop({
    count,
    inFlight: 1,
    call: () => call,
    done: (_index, _result, micros) => times.push(micros / 1000),
    timed: true
  })
  return median(times)
}

export const payload: Case = {
  name: "payload",
  title: "Payloads there and back, one at a time",
  explanation: [
    `An object of ${JSON.stringify(profile).length} bytes as JSON, and an array of ${records.length} small records,`,
    `${(JSON.stringify(records).length / 1e6).toFixed(2)} MB as JSON. Effect RPC and Strand check both with schemas on both sides.`
  ],
  lifetime: "case",
  rounds: { full: 5, quick: 2 },
  prepare: async (context) => {
    const pool = await makeAwake(context)
    const small: Call = { task: "echoProfile", payload: { profile } }
    const large: Call = { task: "echoRecords", payload: { records } }
    await medianMillis(pool, small, 1000)
    await medianMillis(pool, large, 5)
    return async (): Promise<ReadonlyArray<Metric>> => [
      {
        row: "1 KB object",
        unit: "µs",
        better: "lower",
        value: 1000 * (await medianMillis(pool, small, context.quick ? 300 : 1000))
      },
      {
        row: "1 MB of records",
        unit: "ms",
        better: "lower",
        value: await medianMillis(pool, large, context.quick ? 3 : 9)
      }
    ]
  }
}
