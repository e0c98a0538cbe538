// What is asked for in one turn is committed together, by an engine that answers in place or later.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { type CommitFailure, type Engine, GroupCommit } from "../../../src/store/internal/GroupCommit.ts"

/** A transaction of the engine below: what was done in it, and what it would announce. */
interface Notes {
  readonly writes: boolean
  readonly done: Array<string>
  readonly news: Array<string>
}

/** An engine that keeps what is committed in a list, and writes down what is asked of it. */
class ListEngine implements Engine<Notes> {
  readonly log: Array<string> = []
  readonly kept: Array<string> = []
  /** How the next commits fail; undefined for one that does not. */
  failures: Array<CommitFailure | undefined> = []
  beginFailure: unknown
  private readonly answer: (run: () => void) => void

  constructor(answer: (run: () => void) => void) {
    this.answer = answer
  }

  begin(writes: boolean, begun: (notes: Notes) => void, failed: (error: unknown) => void): void {
    this.log.push(writes ? "begin" : "read")
    const failure = this.beginFailure
    this.answer(() => (failure === undefined ? begun({ writes, done: [], news: [] }) : failed(failure)))
  }

  commit(notes: Notes, committed: (notes: Notes) => void, failed: (failure: CommitFailure) => void): void {
    const failure = notes.writes ? this.failures.shift() : undefined
    if (notes.writes) this.log.push(`${failure === undefined ? "commit" : "fail"} ${notes.done.join(" ")}`)
    this.answer(() => {
      if (failure !== undefined) return failed(failure)
      this.kept.push(...notes.done)
      committed(notes)
    })
  }

  rollback(notes: Notes, undone: () => void): void {
    this.log.push(`rollback ${notes.done.join(" ")}`)
    this.answer(undone)
  }

  announce(notes: Notes): void {
    for (const news of notes.news) this.log.push(`news of ${news}`)
  }
}

/** Does something, says so, and gives its name in capitals. */
const note = (name: string) => (notes: Notes) => {
  notes.done.push(name)
  notes.news.push(name)
  return name.toUpperCase()
}

const breaks = (name: string) => (notes: Notes) => {
  note(name)(notes)
  throw new Error(`${name} breaks`)
}

const messageOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? `fine: ${String(exit.value)}` : Cause.pretty(exit.cause)

const engines = {
  "an engine that answers in place": (run: () => void) => run(),
  "an engine that answers later": (run: () => void) => void setTimeout(run)
}

for (const [name, answer] of Object.entries(engines)) {
  describe(`GroupCommit with ${name}`, () => {
    const make = () => {
      const engine = new ListEngine(answer)
      return { engine, group: new GroupCommit(engine) }
    }

    it.live("what is asked for in one turn is one transaction, in order, and completes after its news", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        const write = (name: string) =>
          Effect.tap(group.write(name, note(name)), (value) => Effect.sync(() => engine.log.push(`end of ${value}`)))
        const values = yield* Effect.all([write("a"), write("b"), write("c")], { concurrency: "unbounded" })
        assert.deepStrictEqual(values, ["A", "B", "C"])
        const news = ["news of a", "news of b", "news of c"]
        assert.deepStrictEqual(engine.log, ["begin", "commit a b c", ...news, "end of A", "end of B", "end of C"])
      })
    )

    it.live("reading alone begins nothing, and reading beside writing sees what is written", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        const look = group.read("look", (notes) => [...engine.kept, ...notes.done].join(" "))
        assert.strictEqual(yield* look, "")
        assert.deepStrictEqual(engine.log, ["read"])
        const [, seen] = yield* Effect.all([group.write("a", note("a")), look], { concurrency: "unbounded" })
        assert.strictEqual(seen, "a")
      })
    )

    it.live("one that breaks fails alone, nothing of its transaction is told, and the others are done once", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        const exits = yield* Effect.all(
          [group.write("a", note("a")), group.write("b", breaks("b")), group.write("c", note("c"))].map(Effect.exit),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
        assert.include(messageOf(exits[1]!), "failed to b: b breaks")
        assert.deepStrictEqual(engine.kept, ["a", "c"])
        assert.deepStrictEqual(
          engine.log.filter((line) => line !== "begin"),
          ["rollback a b", "commit a", "news of a", "rollback b", "commit c", "news of c"]
        )
      })
    )

    it.live("a reading that breaks undoes nothing of what is written beside it", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        const exits = yield* Effect.all([group.write("a", note("a")), group.read("b", breaks("b"))].map(Effect.exit), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false])
        assert.include(engine.kept, "a")
      })
    )

    it.live("a commit of which nothing is certain fails all of its turn, and nothing is told or done again", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        engine.failures = [{ error: new Error("the line is dead"), undone: false }]
        const exits = yield* Effect.all([group.write("a", note("a")), group.write("b", note("b"))].map(Effect.exit), {
          concurrency: "unbounded"
        })
        for (const exit of exits) assert.include(messageOf(exit), "the line is dead")
        assert.deepStrictEqual(engine.log, ["begin", "fail a b"])
        assert.strictEqual(yield* group.write("c", note("c")), "C")
      })
    )

    it.live("after a commit that has certainly failed each is tried alone, and fails by its own commit alone", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        const failure = { error: new Error("no room"), undone: true }
        engine.failures = [failure, undefined, failure, undefined]
        const exits = yield* Effect.all(
          ["a", "b", "c"].map((name) => Effect.exit(group.write(name, note(name)))),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false, true])
        assert.deepStrictEqual(engine.kept, ["a", "c"])
        assert.deepStrictEqual(
          engine.log.filter((line) => line !== "begin"),
          ["fail a b c", "commit a", "news of a", "fail b", "commit c", "news of c"]
        )
      })
    )

    it.live("a transaction that cannot be begun fails what was asked for, and the next one is begun", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        engine.beginFailure = new Error("nobody there")
        const exits = yield* Effect.all([group.write("a", note("a")), group.read("b", note("b"))].map(Effect.exit), {
          concurrency: "unbounded"
        })
        for (const exit of exits) assert.include(messageOf(exit), "nobody there")
        engine.beginFailure = undefined
        assert.strictEqual(yield* group.write("c", note("c")), "C")
      })
    )

    it.live("what an operation, its news or its end asks for is done in the next turn", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        const told: Array<string> = []
        const post = (name: string) => group.post(name, note(name), () => told.push(name))
        const announce = engine.announce.bind(engine)
        engine.announce = (notes) => {
          announce(notes)
          if (notes.done.includes("a")) post("by the news")
        }
        yield* group.write("a", (notes) => {
          note("a")(notes)
          post("inside")
        })
        post("at the end")
        yield* group.write("last", note("last"))
        assert.deepStrictEqual(
          engine.log.filter((line) => line.startsWith("commit")),
          ["commit a", "commit inside by the news at the end last"]
        )
        assert.deepStrictEqual(told, ["inside", "by the news", "at the end"])
      })
    )

    it.live("one whose caller is interrupted before it is begun is not done", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        const fiber = yield* Effect.forkChild(group.write("a", note("a")), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        yield* group.write("b", note("b"))
        assert.deepStrictEqual(engine.kept, ["b"])
      })
    )

    it.live("when all have been interrupted nothing is at work any more", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        const fiber = yield* Effect.forkChild(group.write("a", note("a")), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        yield* Effect.callback<void>((resume) => group.close(() => resume(Effect.void)))
        assert.deepStrictEqual(engine.kept, [])
        assert.deepStrictEqual(engine.log, ["read"])
      })
    )

    it.live("a long one has a transaction of its own, and the event loop has turns in it", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        let turns = 0
        let ended = false
        const turn = () => {
          turns++
          if (!ended) setImmediate(turn)
        }
        setImmediate(turn)
        const seen: Array<number> = []
        const long = group.writeLong("long", function* (notes) {
          note("long")(notes)
          // As long as it takes for the loop to turn, which it does only if it is given turns.
          while (new Set(seen).size < 3) {
            seen.push(turns)
            yield
          }
          return "LONG"
        })
        const values = yield* Effect.all([group.write("a", note("a")), long, group.write("b", note("b"))], {
          concurrency: "unbounded"
        })
        ended = true
        assert.deepStrictEqual(values, ["A", "LONG", "B"])
        assert.deepStrictEqual(
          engine.log.filter((line) => line.startsWith("commit")),
          ["commit a", "commit long", "commit b"]
        )
      })
    )

    it.live("a long one that breaks on its way leaves nothing", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        const exit = yield* Effect.exit(
          group.writeLong("long", function* (notes) {
            note("long")(notes)
            yield
            return breaks("later")(notes)
          })
        )
        assert.include(messageOf(exit), "failed to long: later breaks")
        assert.deepStrictEqual(engine.log, ["begin", "rollback long later"])
      })
    )

    it.live("closing lets what was asked for end, and refuses the rest", () =>
      Effect.gen(function* () {
        const { engine, group } = make()
        const fiber = yield* Effect.forkChild(group.write("a", note("a")), { startImmediately: true })
        const closed = yield* Effect.forkChild(
          Effect.callback<void>((resume) => group.close(() => resume(Effect.void))),
          { startImmediately: true }
        )
        const refused = yield* Effect.exit(group.write("b", note("b")))
        assert.include(messageOf(refused), "the store is closed")
        assert.strictEqual(yield* Fiber.join(fiber), "A")
        yield* Fiber.join(closed)
        assert.deepStrictEqual(engine.kept, ["a"])
      })
    )
  })
}
