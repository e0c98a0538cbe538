// Each number is drawn exactly once and in order, whoever draws it, both sides know which one it was, and what the pool
// draws is all that is left.
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fstatSync, readdirSync, readlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import * as ProcessChannel from "../../../../src/runner/internal/wire/ProcessChannel.ts"
import * as ThreadChannel from "../../../../src/runner/internal/wire/ThreadChannel.ts"
import type { PoolStartNumbers, WorkerStartNumbers } from "../../../../src/runner/internal/wire/StartNumbers.ts"
import * as Leaks from "../../../helpers/leaks.ts"

Leaks.check()

const drawer = new URL("./startNumbersDrawer.ts", import.meta.url)

/** Takes with a file's pair of sides, whose file is closed afterwards. */
const withFile = <A>(use: (pool: PoolStartNumbers, worker: WorkerStartNumbers, fd: number) => A): A => {
  const fd = ProcessChannel.openFile()
  const pool = ProcessChannel.poolStartNumbers(fd)
  try {
    return use(pool, ProcessChannel.workerStartNumbers(fd), fd)
  } finally {
    pool.close()
  }
}

/** All that the pool draws. */
const drawAll = (pool: PoolStartNumbers): ReadonlyArray<number> => {
  const { from, to } = pool.takeAll()
  return Array.from({ length: to - from }, (_, index) => from + index)
}

const withShared = <A>(use: (pool: PoolStartNumbers, worker: WorkerStartNumbers) => A): A => {
  const shared = ThreadChannel.makeMemory()
  return use(ThreadChannel.poolStartNumbers(shared), ThreadChannel.workerStartNumbers(shared))
}

const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))

const Operation = Schema.Struct({ op: Schema.Literals(["extend", "pool", "worker", "compact"]), count: Count })

type Operations = ReadonlyArray<typeof Operation.Type>

/** Does the operations, and compares with a counter. */
const compare = (operations: Operations, pool: PoolStartNumbers, worker: WorkerStartNumbers) => {
  let end = 0
  let next = 0
  /** What the worker has drawn last, and so has finished, as far as its pool knows. */
  let done = -1
  const model = () => (next < end ? next++ : -1)
  for (const { count, op } of [...operations, { op: "worker", count: 1000 } as const]) {
    switch (op) {
      case "extend":
        end = Math.min(end + count, done + 1 + pool.reach)
        pool.extend(end)
        break
      case "pool":
        assert.deepStrictEqual(pool.takeAll(), { from: next, to: end })
        next = end
        break
      case "worker":
        for (let n = 0; n < count; n++) {
          const expected = model()
          assert.strictEqual(worker.take(end), expected)
          done = Math.max(done, expected)
        }
        break
      case "compact":
        pool.compact()
    }
  }
  assert.strictEqual(next, end)
}

/** Checks that what two sides have drawn is each number once, in order on each side. */
const assertShared = (total: number, ...sides: ReadonlyArray<ReadonlyArray<number>>) => {
  const seen = new Uint8Array(total)
  for (const side of sides) {
    for (const [index, number] of side.entries()) {
      if (index > 0 && number <= side[index - 1]!) assert.fail(`${number} was drawn after ${side[index - 1]}`)
      if (++seen[number]! !== 1) assert.fail(`${number} was drawn twice`)
    }
  }
  assert.strictEqual(seen.indexOf(0), -1, "never drawn")
}

describe("start numbers", () => {
  const settings = { arbitrary: { runs: 150, size: 150 } }

  it.prop(
    "of a thread, in any interleaving",
    [Schema.Array(Operation)],
    ([operations]) => withShared((pool, worker) => compare(operations, pool, worker)),
    settings
  )

  it.prop(
    "of a process, in any interleaving",
    [Schema.Array(Operation)],
    ([operations]) => withFile((pool, worker) => compare(operations, pool, worker)),
    settings
  )

  it("a process knows its number however many its pool has drawn", () =>
    withFile((pool, worker) => {
      let end = 0
      for (const [count, kept] of [
        [pool.reach, 1],
        [pool.reach, 1],
        [300, 299],
        [pool.reach, 2],
        [257, 1]
      ] as const) {
        const from = end
        pool.extend((end = from + count - kept))
        assert.deepStrictEqual(pool.takeAll(), { from, to: end })
        pool.extend((end += kept))
        for (let number = end - kept; number < end; number++) assert.strictEqual(worker.take(end), number)
      }
    }))

  it("a thread draws nothing that has not arrived", () =>
    withShared((pool, worker) => {
      pool.extend(10)
      assert.strictEqual(worker.take(1), 0)
      assert.strictEqual(worker.take(1), -1)
      assert.strictEqual(worker.take(2), 1)
      assert.deepStrictEqual(pool.takeAll(), { from: 2, to: 10 })
      assert.strictEqual(worker.take(10), -1)
    }))

  it("a process's file gives back what its numbers took up, and its numbers go on", () =>
    withFile((pool, worker, fd) => {
      // A mebibyte of numbers, and some more, so that no end is a round one.
      const total = 2 ** 19 + 12_345
      let end = 0
      let turn = 0
      const draw = (until: number) => {
        while (end < until) {
          const from = end
          end = Math.min(until, end + 1234)
          pool.extend(end)
          const kept = turn++ % 3 === 0 ? 100 : 0
          for (let number = from; number < end - kept; number++) {
            const taken = worker.take(end)
            if (taken !== number) assert.fail(`${taken} was drawn for ${number}`)
          }
          assert.deepStrictEqual(pool.takeAll(), { from: Math.max(from, end - kept), to: end })
        }
        assert.strictEqual(worker.take(end), -1)
      }
      draw(1000)
      pool.compact()
      const before = fstatSync(fd).blocks
      assert.isAbove(before, 0)
      draw(total)
      const used = fstatSync(fd).blocks
      assert.isAtLeast(used * 512, 2 ** 20)
      pool.compact()
      assert.isBelow(fstatSync(fd).blocks, used / 4)
      draw(total + 2000)
    }))

  it("compacting forgets no number that is still to be drawn", () =>
    withFile((pool, worker) => {
      const total = 2 ** 19 + 77
      pool.extend(total)
      for (let number = 0; number < total - 3; number++) worker.take(total)
      pool.compact()
      assert.strictEqual(worker.take(total), total - 3)
      pool.extend(total + 100)
      for (let number = total - 2; number < total + 50; number++) assert.strictEqual(worker.take(total + 100), number)
      assert.deepStrictEqual(pool.takeAll(), { from: total + 50, to: total + 100 })
    }))

  it("a process's file has no name", () => {
    const files = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`strand-${process.pid}`))
    withFile((pool, _worker, fd) => {
      pool.extend(100)
      assert.match(readlinkSync(`/proc/self/fd/${fd}`), /\(deleted\)$/)
      assert.deepStrictEqual(files(), [])
    })
    assert.deepStrictEqual(files(), [])
  })

  it("of a thread that draws at full speed", async () => {
    const total = 200_000
    const shared = ThreadChannel.makeMemory()
    const start = new Int32Array(new SharedArrayBuffer(8))
    const pool = ThreadChannel.poolStartNumbers(shared)
    const worker = new Worker(drawer, { workerData: { shared, start, end: total }, execArgv: [] })
    assert.deepStrictEqual(await once(worker, "message"), ["ready"])
    const message = once(worker, "message") as Promise<[Array<number>]>
    const mine: Array<number> = []
    Atomics.store(start, 0, 1)
    Atomics.notify(start, 0)
    for (let end = 0; end < total;) {
      const from = end
      pool.extend((end = Math.min(total, end + 100)))
      Atomics.store(start, 1, end)
      // Each time the thread has got somewhere into these numbers when this side draws what is left of them.
      while (Atomics.load(shared, ThreadChannel.next) <= from);
      const drawn = drawAll(pool)
      if (drawn.length > 0) assert.strictEqual(drawn.at(-1), end - 1)
      mine.push(...drawn)
    }
    const [theirs] = await message
    await once(worker, "exit")
    assert.isAbove(Math.min(mine.length, theirs.length), 1000)
    assertShared(total, mine, theirs)
  })

  it("of a process that draws at full speed", async () => {
    const total = 200_000
    const fd = ProcessChannel.openFile()
    const pool = ProcessChannel.poolStartNumbers(fd)
    const child = spawn(process.execPath, [fileURLToPath(drawer)], { stdio: ["pipe", "pipe", "inherit", "ignore", fd] })
    const exit = once(child, "exit")
    const mine: Array<number> = []
    const theirs: Array<number> = []
    let rest = ""
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n")
      rest = lines.pop()!
      for (const line of lines) theirs.push(Number(line))
    })
    const deadline = performance.now() + 15_000
    let end = 0
    while (mine.length + theirs.length < total && performance.now() < deadline) {
      const done = theirs.at(-1) ?? -1
      const reached = Math.min(total, Math.max(done, mine.at(-1) ?? -1) + 2000, done + 1 + pool.reach)
      if (reached > end) pool.extend((end = reached))
      // Only when the other side has got on since, or it never could.
      if (done > (mine.at(-1) ?? -1) && mine.length < 2 * theirs.length) mine.push(...drawAll(pool))
      await new Promise((resolve) => setImmediate(resolve))
    }
    child.stdin!.end()
    assert.deepStrictEqual(await exit, [0, null])
    pool.close()
    assert.isAbove(Math.min(mine.length, theirs.length), 1000)
    assertShared(total, mine, theirs)
  })
})
