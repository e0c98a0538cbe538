/**
 * The tasks that the conformance suite runs: definitions alone, which is all that a caller needs. Their handlers are in
 * `tasks.ts`, the tasks module that runners load.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Task from "../Task.ts"
import * as badValues from "./runner/badValues.ts"

// --- values --------------------------------------------------------------------------------------------------------

/** A class with a method, to see that instances arrive as instances. */
export class Point extends Schema.Class<Point>("Point")({ x: Schema.Finite, y: Schema.Finite }) {
  get length(): number {
    return Math.hypot(this.x, this.y)
  }
}

/** A value that contains values of its own kind. */
export interface Tree {
  readonly value: number
  readonly children: ReadonlyArray<Tree>
}

const Tree = Schema.Struct({
  value: Schema.Int,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

/** One of each kind of value that has a schema. */
export const Everything = Schema.Struct({
  text: Schema.String,
  number: Schema.Number,
  boolean: Schema.Boolean,
  bigint: Schema.BigInt,
  date: Schema.Date,
  bytes: Schema.Uint8Array,
  map: Schema.ReadonlyMap(Schema.String, Schema.Date),
  set: Schema.ReadonlySet(Schema.BigInt),
  hashMap: Schema.HashMap(Schema.String, Schema.Number),
  chunk: Schema.Chunk(Schema.Number),
  option: Schema.Option(Schema.Date),
  result: Schema.Result(Schema.BigInt, Schema.String),
  duration: Schema.Duration,
  dateTime: Schema.DateTimeUtc,
  nothing: Schema.Undefined,
  maybe: Schema.UndefinedOr(Schema.Date),
  nullable: Schema.NullOr(Schema.BigInt),
  missing: Schema.optionalKey(Schema.Number),
  tuple: Schema.Tuple([Schema.String, Schema.Number]),
  record: Schema.Record(Schema.String, Schema.BigInt),
  union: Schema.Union([
    Schema.Struct({ _tag: Schema.tag("Circle"), radius: Schema.Number }),
    Schema.Struct({ _tag: Schema.tag("Square"), sides: Schema.ReadonlyMap(Schema.Number, Schema.BigInt) })
  ]),
  point: Point,
  tree: Tree
})

/** The type of {@link Everything}. */
export type Everything = typeof Everything.Type

/** Gives back what it gets. */
export const echo = Task.make("echo", { payload: Everything, success: Everything })

/** Says of each field of its payload of which class the handler found it to be. */
export const classes = Task.make("classes", {
  payload: Everything,
  success: Schema.Record(Schema.String, Schema.String)
})

/** Gives back a number, or what JSON would not: NaN, the infinities, -0. */
export const number = Task.make("number", { payload: Schema.Number, success: Schema.Number })

/** Gives back bytes, after adding 1 to the first and the last of them. */
export const bytes = Task.make("bytes", { payload: Schema.Uint8Array, success: Schema.Uint8Array })

/** Gives back anything that the runner can carry. */
export const anything = Task.make("anything", { payload: Schema.Any, success: Schema.Any })

/** Gives a value that holds a function, at `items[1].callback`. */
export const giveFunction = Task.make("giveFunction", { success: Schema.Any })

const Count = Schema.Struct({ n: Schema.Int, list: Schema.Array(Schema.Struct({ at: Schema.BigInt })) })

/** Gives nothing. */
export const count = Task.make("count", { payload: Count })

/** Gives what does not match its schema. */
export const giveInvalid = Task.make("giveInvalid", {
  payload: { name: Schema.Literals(badValues.invalidNames) },
  success: Count
})

/** Gives a value that cannot be copied. */
export const giveUncloneable = Task.make("giveUncloneable", {
  payload: { name: Schema.Literals(badValues.uncloneableNames) },
  success: Schema.Any
})

/** An error that holds anything. */
export class Holding extends Schema.TaggedError<Holding>()("Holding", { value: Schema.Any }) {}

/** Fails with an error that holds a value that cannot be copied. */
export const failUncloneable = Task.make("failUncloneable", {
  payload: { name: Schema.Literals(badValues.uncloneableNames) },
  error: Holding
})

/** Gives a string where its schema says number. */
export const giveWrong = Task.make("giveWrong", { success: Schema.Number })

/** Adds two numbers. */
export const add = Task.make("add", {
  payload: { a: Schema.Number, b: Schema.Number },
  success: Schema.Number
})

/** Has no handler anywhere. */
export const unknown = Task.make("unknown", { payload: { a: Schema.Number } })

/** A plain function as a task. */
export const double = Task.fn("double", (x: number) => x * 2)

/** A plain function of several arguments that gives a Promise. */
export const join = Task.fn("join", (a: string, b: ReadonlyMap<string, Date>) =>
  Promise.resolve({ text: a + b.size, map: b })
)

// --- ends ----------------------------------------------------------------------------------------------------------

/** A typed error with more than text in it, and a method. */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", {
  path: Schema.String,
  at: Schema.Date,
  size: Schema.BigInt
}) {
  override get message(): string {
    return `Cannot read ${this.path}`
  }

  describe(): string {
    return `${this.path}, ${this.size} bytes, ${this.at.toISOString()}`
  }
}

/** Another typed error. */
export class Denied extends Schema.TaggedError<Denied>()("Denied", { user: Schema.String }) {}

/** Fails with one of its errors, or with one that it does not declare. */
export const fail = Task.make("fail", {
  payload: { how: Schema.Literals(["unreadable", "denied", "undeclared"]) },
  error: Schema.Union([Unreadable, Denied])
})

/** Ends with a defect. */
export const die = Task.make("die", {
  payload: {
    how: Schema.Literals([
      "TypeError",
      "custom",
      "caused",
      "undefined",
      "null",
      "string",
      "object",
      "throwUndefined",
      "throwNull",
      "circular"
    ])
  }
})

/** Interrupts itself. */
export const interruptItself = Task.make("interruptItself")

/** Fails until its given attempt, and then says which attempt it was. */
export const succeedOnAttempt = Task.make("succeedOnAttempt", {
  payload: { attempt: Schema.Int },
  success: Schema.Int,
  error: Denied
})

// --- waiting and working -------------------------------------------------------------------------------------------

const Noted = {
  /** The file that the handler writes what it does into, line by line. */
  file: Schema.String,
  /** What the lines are about. */
  name: Schema.String
}

/**
 * Notes `<name> started`, waits until the file `gate` exists, notes `<name> ended`. If it is interrupted, it takes 50 ms
 * to tidy up and notes `<name> stopped`.
 */
export const hold = Task.make("hold", {
  payload: { ...Noted, gate: Schema.String },
  success: Schema.String
})

/** Notes its name. */
export const note = Task.make("note", { payload: Noted })

/** Notes `<name> started`, and keeps its thread busy without a pause. */
export const spin = Task.make("spin", { payload: { ...Noted, millis: Schema.Number } })

/** Notes `<name> started`, and cannot be interrupted while it waits. */
export const stubborn = Task.make("stubborn", { payload: { ...Noted, millis: Schema.Number } })

/** Notes `<name> started in <pid>`, and takes down where it runs. */
export const crash = Task.make("crash", {
  payload: { ...Noted, how: Schema.Literals(["exit", "throw", "reject", "memory", "wait"]) }
})

/** Says where it runs. */
export const where = Task.make("where", {
  success: Schema.Struct({ pid: Schema.Int, thread: Schema.Int })
})

/** Has the tasks module note `closed` when it is torn down. Gives how many times the module has been built there. */
export const register = Task.make("register", { payload: { file: Schema.String }, success: Schema.Int })

// --- streams -------------------------------------------------------------------------------------------------------

/** The numbers from 1 to `count`, in steps of at most `chunk` at a time, with an error after `failAfter` of them. */
export const numbers = Task.stream("numbers", {
  payload: {
    count: Schema.Int,
    chunk: Schema.Int,
    failAfter: Schema.optionalKey(Schema.Int),
    how: Schema.optionalKey(Schema.Literals(["fail", "die", "undeclared"]))
  },
  success: Schema.Number,
  error: Unreadable
})

/** Numbers for ever. Keeps the count of those it has made in the file `counter`, notes `started` and `stopped`. */
export const endless = Task.stream("endless", {
  payload: { file: Schema.String, counter: Schema.String, chunk: Schema.Int },
  success: Schema.Number
})

/** 1, then when the file `gate` exists 2. */
export const gated = Task.stream("gated", {
  payload: { file: Schema.String, gate: Schema.String },
  success: Schema.Int
})

/** Gives back what it gets, so many times. */
export const echoes = Task.stream("echoes", {
  payload: { value: Everything, times: Schema.Int },
  success: Everything
})

/** Gives a number and then a string, where its schema says number. */
export const wrongElement = Task.stream("wrongElement", { success: Schema.Number })

// --- what the handler sees, and what is seen of it -------------------------------------------------------------------

/** The handler's TaskContext. */
export const context = Task.make("context", {
  success: Schema.Struct({
    id: Schema.String,
    name: Schema.String,
    attempt: Schema.Int,
    deadline: Schema.UndefinedOr(Schema.Number),
    tags: Schema.Array(Schema.String),
    parentId: Schema.UndefinedOr(Schema.String)
  })
})

/** Reports 1 to `steps` as progress, waits until the file `gate` exists, and reports `done`. */
export const report = Task.make("report", { payload: { steps: Schema.Int, gate: Schema.String } })

/** Logs one line in each of four levels. */
export const talk = Task.make("talk", { payload: { text: Schema.String } })

/** Writes to where `console.log` and `console.error` write. */
export const print = Task.make("print", { payload: { text: Schema.String } })

/** The trace that the handler is part of, and the span above the handler's own. */
export const span = Task.make("span", {
  success: Schema.Struct({ traceId: Schema.String, parentSpanId: Schema.String })
})

// --- tasks of tasks ------------------------------------------------------------------------------------------------

/** Counts itself and the tasks that it runs: `width` of them, each one less deep. */
export const nest = Task.make("nest", {
  payload: { depth: Schema.Int, width: Schema.Int },
  success: Schema.Int
})

/** Runs `hold`. */
export const holdChild = Task.make("holdChild", {
  payload: { ...Noted, gate: Schema.String },
  success: Schema.String
})

/** Runs `fail`, and says how it met the error. */
export const failChild = Task.make("failChild", { success: Schema.String })

/** Runs `context`. */
export const contextChild = Task.make("contextChild", {
  success: Schema.Struct({
    id: Schema.String,
    childId: Schema.String,
    childParentId: Schema.UndefinedOr(Schema.String)
  })
})

/** Adds up the stream of `numbers`. */
export const sumOfStream = Task.make("sumOfStream", { payload: { count: Schema.Int }, success: Schema.Number })

/** Notes `<name> started`, waits for its gate, and then runs `add`. */
export const addLater = Task.make("addLater", {
  payload: { ...Noted, gate: Schema.String },
  success: Schema.Number
})

// --- messages to running tasks ---------------------------------------------------------------------------------------

/** A message of some types that JSON has not. */
export const Letter = Schema.Struct({ n: Schema.Int, at: Schema.Date, size: Schema.BigInt })

/**
 * Notes `<name> started`, waits until the file `gate` exists, and gives what it is sent: `take` letters, then `take` more
 * with another reader, then all others.
 */
export const collect = Task.make("collect", {
  payload: { ...Noted, gate: Schema.String, take: Schema.Int },
  success: Schema.Array(Schema.Array(Letter)),
  inbox: Letter
})

/** Runs `collect` and sends it `count` letters. */
export const collectChild = Task.make("collectChild", {
  payload: { ...Noted, gate: Schema.String, count: Schema.Int },
  success: Schema.Array(Letter)
})

/** Adds up what two readers read, each of which ends with the inbox. */
export const share = Task.make("share", {
  success: Schema.Struct({ sum: Schema.Int, count: Schema.Int }),
  inbox: Schema.Int
})

/** Notes `<name> started`, and reports each word that it is sent until it is sent `stop`. */
export const repeat = Task.make("repeat", { payload: Noted, inbox: Schema.String })

/** Gives each number that it is sent, doubled, until it is sent 0. */
export const doubles = Task.stream("doubles", { success: Schema.Int, inbox: Schema.Int })

/** Reads a number and takes down where it runs, the first time; gives the number that it reads the second time. */
export const fragile = Task.make("fragile", { success: Schema.Int, inbox: Schema.Int })

/** Notes `started`, cancels itself, and notes `stopped`. */
export const quit = Task.make("quit", { payload: { file: Schema.String } })
