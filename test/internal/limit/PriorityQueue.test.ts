// The priority queue against a naive one: a list that is sorted whenever something is taken.
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { PriorityQueue } from "../../../src/internal/limit/PriorityQueue.ts"

interface Item {
  readonly priority: number
  readonly name: number
  gone: boolean
}

const makeQueue = () => new PriorityQueue<Item>((item) => item.gone)

const Priority = Schema.Int.check(Schema.isBetween({ minimum: -3, maximum: 3 }))

const Operation = Schema.Union([
  Schema.Struct({ op: Schema.Literals(["push", "push", "unshift"]), priority: Priority }),
  Schema.Struct({ op: Schema.Literals(["shift", "shift", "peek"]) }),
  // Takes out one of those that are in, wherever it is.
  Schema.Struct({
    op: Schema.Literal("remove"),
    which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99 }))
  })
])

/** Lowest priority first, and in the order of their places within one. */
class Model {
  items: Array<Item> = []

  next(): Item | undefined {
    return this.items.toSorted((a, b) => a.priority - b.priority)[0]
  }
  push(item: Item) {
    this.items.push(item)
  }
  unshift(item: Item) {
    this.items.unshift(item)
  }
  remove(item: Item) {
    this.items.splice(this.items.indexOf(item), 1)
  }
  shift(): Item | undefined {
    const item = this.next()
    if (item !== undefined) this.remove(item)
    return item
  }
}

describe("PriorityQueue", () => {
  it.prop(
    "gives what a sorted list gives, whatever is done to it",
    [Schema.Array(Operation)],
    ([operations]) => {
      const queue = makeQueue()
      const model = new Model()
      let names = 0
      for (const operation of operations) {
        switch (operation.op) {
          case "push":
          case "unshift": {
            const item = { priority: operation.priority, name: names++, gone: false }
            queue[operation.op](item)
            model[operation.op](item)
            break
          }
          case "shift":
            assert.strictEqual(queue.shift(), model.shift())
            break
          case "peek":
            assert.strictEqual(queue.peek(), model.next())
            break
          case "remove": {
            const item = model.items[operation.which % (model.items.length || 1)]
            if (item === undefined) break
            item.gone = true
            model.remove(item)
          }
        }
      }
      for (let item = model.shift(); item !== undefined; item = model.shift()) assert.strictEqual(queue.shift(), item)
      assert.isUndefined(queue.shift())
      assert.isUndefined(queue.peek())
    },
    { arbitrary: { runs: 300, size: 200 } }
  )

  it("keeps its order while its rings grow and shrink", () => {
    const queue = makeQueue()
    const model = new Map<number, Array<number>>()
    let name = 0
    const push = (count: number) => {
      for (let n = 0; n < count; n++) {
        const priority = (name * 7919) % 5
        queue.push({ priority, name, gone: false })
        model.set(priority, [...(model.get(priority) ?? []), name])
        name++
      }
    }
    const shift = (count: number) => {
      for (let n = 0; n < count; n++) {
        const priority = [0, 1, 2, 3, 4].find((priority) => (model.get(priority)?.length ?? 0) > 0)!
        assert.strictEqual(queue.shift()!.name, model.get(priority)!.shift())
      }
    }
    // Beyond the length from which a ring shrinks, with its head at every place.
    for (const [pushed, taken] of [
      [3000, 10],
      [2000, 4500],
      [17, 500],
      [4000, 4000],
      [100, 107]
    ] as const) {
      push(pushed)
      shift(taken)
    }
    assert.isUndefined(queue.shift())
  })

  it("takes any number as a priority", () => {
    const queue = makeQueue()
    const priorities = [0.5, -0, Number.POSITIVE_INFINITY, 0, 1e300, Number.NEGATIVE_INFINITY, -1e-9]
    priorities.forEach((priority, name) => queue.push({ priority, name, gone: false }))
    assert.deepStrictEqual(
      priorities.map(() => queue.shift()!.name),
      [5, 6, 1, 3, 0, 4, 2]
    )
  })

  it("drops what is gone when it comes to the front", () => {
    const queue = makeQueue()
    const items = Array.from({ length: 5 }, (_, name) => ({ priority: 1, name, gone: false }))
    for (const item of items) queue.push(item)
    for (const item of items.slice(0, 4)) item.gone = true
    assert.strictEqual(queue.peek(), items[4])
    assert.strictEqual(queue.shift(), items[4])
    assert.isUndefined(queue.shift())
  })
})
