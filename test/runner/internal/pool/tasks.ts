// The tasks module of the tests of this folder. Notes `loaded <pid>/<thread>`, when it is built,
// in the file that the environment names.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { appendFileSync } from "node:fs"
import { threadId } from "node:worker_threads"
import { addLine, awaitFile } from "../../../../src/testing/notes.ts"
import * as definitions from "./definitions.ts"

/** This worker. */
const here = `${process.pid}/${threadId}`

const busy = (millis: number) =>
  Effect.sync(() => {
    const end = performance.now() + millis
    while (performance.now() < end);
  })

const kept: Array<unknown> = []

const ends = {
  succeed: Effect.void,
  sleep: Effect.sleep("3 millis"),
  compute: busy(1),
  exit: Effect.sync(() => process.exit(3)),
  loop: busy(60_000)
}

const handlers = Layer.mergeAll(
  definitions.where.toLayer(() => Effect.succeed(here)),
  definitions.tiny.toLayer((n) => Effect.succeed(n)),
  definitions.compute.toLayer(({ file, millis, name }) =>
    addLine(file, `${name} started`).pipe(Effect.andThen(busy(millis)), Effect.andThen(addLine(file, `${name} ended`)))
  ),
  definitions.hold.toLayer(({ file, gate, name }) => Effect.andThen(addLine(file, `${name} started`), awaitFile(gate))),
  definitions.stubborn.toLayer(({ file, gate, name }) =>
    Effect.andThen(addLine(file, `${name} started`), Effect.uninterruptible(awaitFile(gate)))
  ),
  definitions.end.toLayer(({ file, how, name }) =>
    Effect.andThen(
      addLine(file, `${name} started`),
      how === "fail"
        ? Effect.fail(new definitions.Odd({ name }))
        : how === "die"
          ? Effect.die(new Error(name))
          : Effect.as(ends[how], name)
    )
  ),
  definitions.keep.toLayer((megabytes) =>
    Effect.sync(() => void kept.push(new Uint8Array(megabytes * 2 ** 20).fill(1)))
  ),
  definitions.nested.toLayer((depth) => Effect.sync(() => definitions.makeNested(depth))),
  definitions.tree.toLayer((depth) => Effect.sync(() => definitions.makeTree(depth))),
  definitions.takeNested.toLayer(() => Effect.void),
  definitions.takeTree.toLayer(() => Effect.void)
)

export default Layer.merge(
  handlers,
  Layer.effectDiscard(
    Effect.sync(() => {
      const file = process.env["EFFECT_STRAND_TEST_LOADED"]
      if (file !== undefined) appendFileSync(file, `loaded ${here}\n`)
    })
  )
)
