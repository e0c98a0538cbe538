// Every example runs as a program of its own and prints what is written here. The folder is listed, so that none is
// forgotten; those in folders have tests of their own.
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { examples, run } from "./run.ts"

const primes = `78498 primes below a million
a typed error: the limit is 50000000`

const expected: Readonly<Record<string, string>> = {
  "cancel.ts": `The pool works: 40 + 2 = 42
The loop is running
Interrupted: true
Over its time limit: TaskTimeout
Cancelled by its id: TaskCancelled
The pool goes on: 50 + 5 = 55`,
  "hello.ts": `In a fiber:
${primes}
In a thread:
${primes}
In a process:
${primes}`,
  "nested.ts": `fibonacci(10) = 55
177 tasks on 2 threads`,
  "portable.ts": `The hypotenuse over 3 and 4 is 5
NotTransferable: Task "scale": the variable "factor" cannot be sent to where the task runs: the function takes it \
from outside, and only its own source travels. Give it as an argument, or define the task in a tasks module`,
  "priorities.ts": `5 tasks are waiting
the doctor (1)
a friend (10)
another friend (10)
a shop (20)
another shop (20)`,
  "progress.ts": `step 1 of 4
step 2 of 4
step 3 of 4
step 4 of 4
at the top`,
  "runner.ts": `Hello, Ada
Hello, Grace
Hello, Mary`,
  "stream.ts": `The first 1000 natural numbers add up to 499500
While the reader rested the producer waited: true
It stopped when the reader left: true`
}

// The guides are tested with the documentation.
const entries = readdirSync(examples, { withFileTypes: true, recursive: true }).filter(
  (entry) => entry.isFile() && entry.parentPath !== join(examples, "guides")
)

describe("examples", () => {
  it("are all tested", () => {
    const programs = entries.filter((entry) => entry.parentPath === examples).map((entry) => entry.name)
    assert.deepStrictEqual(programs.toSorted(), Object.keys(expected).toSorted())
    const folders = new Set(entries.map((entry) => entry.parentPath))
    assert.deepStrictEqual([...folders].toSorted(), [
      examples,
      ...["analyze", "batch", "pipeline", "scraper", "supervisor", "tasks", "web"].map((name) => join(examples, name))
    ])
  })

  it("begin with what they are for", () => {
    for (const { name, parentPath } of entries) {
      assert.match(readFileSync(join(parentPath, name), "utf8"), /^\/\*\*\n \* [`A-Z].{20}/, name)
    }
  })

  for (const [name, output] of Object.entries(expected)) {
    it(name, async () => {
      const ended = await run([name])
      assert.deepStrictEqual(ended, { code: 0, stdout: `${output}\n`, stderr: "", leftBehind: false })
    })
  }
})
