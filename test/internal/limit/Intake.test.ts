// The bounded queue against a naive one: two lists, one for those inside and one for those who wait outside.
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Intake, type Queued } from "../../../src/internal/limit/Intake.ts"

class Item implements Queued {
  place: Queued["place"] = "none"
  accepted = 0
  readonly priority: number
  readonly name: number

  constructor(priority: number, name: number) {
    this.priority = priority
    this.name = name
  }

  readonly accept = () => {
    this.accepted++
  }
}

const Priority = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 }))
const Which = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99 }))

const Operation = Schema.Union([
  Schema.Struct({ op: Schema.Literal("offer"), priority: Priority }),
  Schema.Struct({ op: Schema.Literal("offer"), priority: Priority }),
  Schema.Struct({ op: Schema.Literals(["take", "peek"]) }),
  // One of those that have been taken comes back.
  Schema.Struct({ op: Schema.Literal("putBack"), which: Which }),
  Schema.Struct({ op: Schema.Literal("remove"), which: Which })
])

class Model {
  readonly inside: Array<Item> = []
  readonly outside: Array<Item> = []
  readonly taken: Array<Item> = []
  readonly limit: number
  readonly overflow: "wait" | "fail"

  constructor(limit: number, overflow: "wait" | "fail") {
    this.limit = limit
    this.overflow = overflow
  }

  static first = (items: ReadonlyArray<Item>) => items.toSorted((a, b) => a.priority - b.priority)[0]
  static remove = (items: Array<Item>, item: Item) => items.splice(items.indexOf(item), 1)

  private admit() {
    while (this.inside.length < this.limit && this.outside.length > 0) {
      const item = Model.first(this.outside)!
      Model.remove(this.outside, item)
      this.inside.push(item)
    }
  }
  offer(item: Item): boolean {
    if (this.inside.length < this.limit) this.inside.push(item)
    else if (this.overflow === "wait") this.outside.push(item)
    else return false
    return true
  }
  take(): Item | undefined {
    const direct = this.limit === 0 && this.inside.length === 0
    const from = direct ? this.outside : this.inside
    const item = Model.first(from)
    if (item === undefined) return undefined
    Model.remove(from, item)
    this.taken.push(item)
    this.admit()
    return item
  }
  putBack(item: Item) {
    Model.remove(this.taken, item)
    this.inside.unshift(item)
  }
  remove(item: Item): boolean {
    if (this.inside.includes(item)) Model.remove(this.inside, item)
    else if (this.outside.includes(item)) Model.remove(this.outside, item)
    else return false
    this.admit()
    return true
  }
}

describe("Intake", () => {
  it.prop(
    "gives what two sorted lists give, whatever is done to it",
    [
      Schema.Int.check(Schema.isBetween({ minimum: -1, maximum: 5 })),
      Schema.Literals(["wait", "fail"]),
      Schema.Array(Operation)
    ],
    ([bound, overflow, operations]) => {
      const maxQueue = bound === -1 ? undefined : bound
      const intake = new Intake<Item>({ maxQueue, overflow })
      const model = new Model(maxQueue ?? Infinity, overflow)
      const all: Array<Item> = []
      const refused = new Set<Item>()
      const removed = new Set<Item>()
      for (const operation of operations) {
        switch (operation.op) {
          case "offer": {
            const item = new Item(operation.priority, all.length)
            all.push(item)
            const offered = intake.offer(item)
            assert.strictEqual(offered, model.offer(item))
            if (!offered) refused.add(item)
            break
          }
          case "take":
            assert.strictEqual(intake.take(), model.take())
            break
          case "peek":
            assert.strictEqual(intake.peek(), Model.first(model.inside))
            break
          case "putBack": {
            const item = model.taken[operation.which % (model.taken.length || 1)]
            if (item === undefined) break
            intake.putBack(item)
            model.putBack(item)
            break
          }
          case "remove": {
            const item = all[operation.which % (all.length || 1)]
            if (item === undefined) break
            const found = intake.remove(item)
            assert.strictEqual(found, model.remove(item))
            if (found) removed.add(item)
          }
        }
        assert.strictEqual(intake.size, model.inside.length)
        assert.strictEqual(intake.waiting, model.inside.length + (model.limit === 0 ? model.outside.length : 0))
        for (const item of all) {
          const inside = model.inside.includes(item)
          assert.strictEqual(item.place, inside ? "queued" : model.outside.includes(item) ? "outside" : "none")
          // Accepted once, when it came in, and not while it waits outside.
          if (inside || model.taken.includes(item)) assert.strictEqual(item.accepted, 1)
          if (refused.has(item) || item.place === "outside") assert.strictEqual(item.accepted, 0)
        }
      }
      // Nothing is lost or doubled.
      const drained = intake.drain()
      const known = [...model.taken, ...refused, ...removed]
      assert.sameMembers([...drained, ...known], all)
      assert.strictEqual(drained.length + known.length, all.length)
      assert.strictEqual(intake.size, 0)
      assert.isTrue(drained.every((item) => item.place === "none" && item.accepted === 1))
      assert.isUndefined(intake.take())
    },
    { arbitrary: { runs: 300, size: 120 } }
  )

  it("has no bound by default", () => {
    const intake = new Intake<Item>({})
    for (let n = 0; n < 100_000; n++) assert.isTrue(intake.offer(new Item(0, n)))
    assert.strictEqual(intake.size, 100_000)
    for (let n = 0; n < 100_000; n++) assert.strictEqual(intake.take()!.name, n)
  })

  it("what comes back goes before its equals, over any bound", () => {
    const intake = new Intake<Item>({ maxQueue: 1, overflow: "fail" })
    const [first, second, third] = [new Item(1, 1), new Item(1, 2), new Item(1, 3)]
    intake.offer(first)
    assert.strictEqual(intake.take(), first)
    intake.offer(second)
    intake.putBack(first)
    assert.strictEqual(intake.size, 2)
    assert.isFalse(intake.offer(third))
    assert.deepStrictEqual([intake.take(), intake.take()], [first, second])
    assert.strictEqual(first.accepted, 1)
  })
})
