/**
 * Plain functions as tasks.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Task from "../../Task.ts"
import type { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import { assertFails, defectOf, errorOf, type SharedIt, type Subject, testWith } from "../Subject.ts"

const outside = 40

const add = Task.portable("portableAdd", (a: number, b: number) => a + b)
const greet = Task.portable("portableGreet", (name: string) => `hello ${name}`)
const constant = Task.portable("portableConstant", () => ({ answer: 42, at: new Date(0) }))
const later = Task.portable("portableLater", async (n: number) => {
  await new Promise((resolve) => setTimeout(resolve, 1))
  return n + 1
})
const throwing = Task.portable("portableThrowing", (n: number): number => {
  throw new RangeError(`no ${n}`)
})
const rejecting = Task.portable("portableRejecting", async (n: number): Promise<number> => {
  throw new RangeError(`no ${n}`)
})
const local = Task.portable("portableLocal", (items: ReadonlyArray<number>) => {
  const double = (n: number) => n * 2
  class Sum {
    total = 0
    add(n: number) {
      this.total += n
    }
  }
  const sum = new Sum()
  for (const item of items) sum.add(double(item))
  const { total } = sum
  return { total, text: `${total}`, max: Math.max(...items) }
})
const capturing = Task.portable("portableCapturing", (n: number) => n + outside)
const hiddenCapture = Task.portable("portableHiddenCapture", (n: number) => {
  const inner = () => [n, { value: outside }]
  return inner()
})

/** Tests of `Task.fn` and `Task.portable`. */
export const functions = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("a function in the tasks module is a task", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* tasks.double.run(21), 42)
      const result = yield* tasks.join.run(["a", new Map([["k", new Date(1)]])])
      assert.deepStrictEqual(result, { text: "a1", map: new Map([["k", new Date(1)]]) })
    }))

  test("a portable function needs no module", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* add.run([40, 2]), 42)
      assert.strictEqual(yield* greet.run("ada"), "hello ada")
      assert.deepStrictEqual(yield* constant.run(), { answer: 42, at: new Date(0) })
      assert.strictEqual(yield* later.run(1), 2)
      assert.deepStrictEqual(yield* local.run([1, 2, 3]), { total: 12, text: "12", max: 3 })
      assert.deepStrictEqual(yield* Task.forEach(greet, ["a", "b"]), ["hello a", "hello b"])
    }))

  test("what a function throws is a defect", () =>
    Effect.gen(function* () {
      for (const task of [throwing, rejecting]) {
        const defect = defectOf(yield* Effect.exit(task.run(7)))
        assert.instanceOf(defect, Error)
        assert.strictEqual(defect.name, "RangeError")
        assert.strictEqual(defect.message, "no 7")
      }
    }))

  if (!subject.capabilities.boundary) return

  test("a portable function that takes a variable from outside is refused, and the variable named", () =>
    Effect.gen(function* () {
      for (const call of [capturing.run(2), capturing.fork(2), hiddenCapture.run(2)]) {
        const exit = yield* Effect.exit<unknown, unknown, TaskRunner>(call)
        assertFails(exit, "NotTransferable")
        assert.match(errorOf(exit).message, /outside/)
      }
      assert.strictEqual(yield* add.run([1, 1]), 2)
    }))
}
