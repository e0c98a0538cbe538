// What calls give for payloads whose schemas have constructor defaults, and annotations of definitions.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { type Dispatcher, Task, TaskCron, type TaskError, type TaskRunner } from "effect-strand"
import { check, type Equal, some } from "./check.ts"

const withDefault = Schema.withConstructorDefault

class User extends Schema.Class<User>("User")({
  name: Schema.String,
  role: Schema.String.pipe(withDefault(Effect.succeed("guest")))
}) {
  get label(): string {
    return `${this.name} (${this.role})`
  }
}
class Settings extends Schema.Class<Settings>("Settings")({
  depth: Schema.Int.pipe(withDefault(Effect.succeed(1)))
}) {}

const fetch = Task.make("fetch", {
  payload: {
    url: Schema.String,
    retries: Schema.Int.pipe(withDefault(Effect.succeed(3))),
    note: Schema.optionalKey(Schema.String),
    tag: Schema.tag("Fetch")
  },
  success: Schema.String
})
const greet = Task.make("greet", { payload: User, success: Schema.String })
const configure = Task.make("configure", { payload: Settings })
const watch = Task.stream("watch", {
  payload: { path: Schema.String, every: Schema.Int.pipe(withDefault(Effect.succeed(1))) }
})
const branded = Task.make("branded", { payload: Schema.Int.pipe(Schema.brand("Age")) })

type Given = { readonly url: string; readonly retries?: number; readonly note?: string; readonly tag?: "Fetch" }
type Whole = { readonly url: string; readonly retries: number; readonly note?: string; readonly tag: "Fetch" }

check<Equal<Task.Input<typeof fetch>["url"], string>>()
check<Given extends Task.Input<typeof fetch> ? true : false>()
check<Equal<Task.Payload<typeof fetch>, Whole>>()
check<Equal<Task.Payload<typeof greet>, User>>()
check<Equal<Task.Input<typeof branded>, number>>()

// --- calls ---------------------------------------------------------------------------------------------------------

fetch.run({ url: "a" })
fetch.run({ url: "a" }, { discardResult: true })
fetch.fork({ url: "a", retries: 1, note: "b", tag: "Fetch" })
fetch.forkScoped({ url: "a" })
fetch.forkDiscard({ url: "a" })
watch.stream({ path: "a" })
watch.run({ path: "a" })
greet.run({ name: "Ada" })
greet.run(new User({ name: "Ada" }))
configure.run()
configure.run({ depth: 2 })
configure.run(undefined, { priority: 1 })
branded.run(1)
// @ts-expect-error: what has no default is given
fetch.run({ retries: 1 })
// @ts-expect-error: of the type of the field
fetch.run({ url: "a", retries: "1" })
// @ts-expect-error: nor by its fields
greet.run({ role: "admin" })

// A handler sees all of it.
fetch.toLayer((payload) => {
  check<Equal<typeof payload, Whole>>()
  return Effect.succeed(payload.url)
})
greet.toLayer((user) => Effect.succeed(user.label))

// --- partial tasks ---------------------------------------------------------------------------------------------------

const thrice = fetch.partial({ retries: 3 })
thrice.run({ url: "a" })
check<Equal<Task.Payload<typeof thrice>, Whole>>()
fetch.partial({ url: "a" }).run()
greet.partial({ role: "admin" }).run({ name: "Ada" })
// @ts-expect-error: what has no default is given
thrice.run({})

// --- many --------------------------------------------------------------------------------------------------------------

Task.forEach(fetch, [{ url: "a" }, { url: "b", retries: 1 }])
Task.forkAll(greet, [{ name: "Ada" }, new User({ name: "Bob" })])
Task.forkAllDiscard(fetch, [{ url: "a" }])
const completed = Task.asCompleted(fetch, [{ url: "a" }])
check<
  Equal<
    typeof completed,
    Stream.Stream<Task.Completed<Task.Input<typeof fetch>, string>, TaskError.TaskError, TaskRunner.TaskRunner>
  >
>()
const dispatcher = some<Dispatcher.Dispatcher>()
export const enqueued = () => [
  dispatcher.enqueue(fetch, { url: "a" }),
  dispatcher.dispatch(fetch, { url: "a" }, { discardResult: true }),
  // @ts-expect-error: what has no default is given
  dispatcher.enqueue(fetch, {})
]
TaskCron.layer({ name: "a", task: fetch, payload: { url: "a" }, cron: "* * * * *" })
TaskCron.layer({ name: "a", task: configure, cron: "* * * * *" })
// @ts-expect-error: what has no default is given
TaskCron.layer({ name: "a", task: fetch, payload: {}, cron: "* * * * *" })

// --- annotations -------------------------------------------------------------------------------------------------------

const Owner = Context.Reference<{ readonly team: string }>("test/Owner", { defaultValue: () => ({ team: "none" }) })

const owned = fetch.annotate(Owner, { team: "web" }).annotate(Task.Title, "Fetch a page")
check<Equal<typeof owned, typeof fetch>>()
check<Equal<typeof owned.annotations, Context.Context<never>>>()
const title = Context.getOption(owned.annotations, Task.Title)
check<Equal<typeof title, Option.Option<string>>>()
const owner = Context.get(owned.annotations, Owner)
check<Equal<typeof owner, { readonly team: string }>>()
const merged = watch.annotateMerge(Context.make(Task.Description, "Watches a file"))
check<Equal<typeof merged, typeof watch>>()
const partly = thrice.annotate(Owner, { team: "web" })
check<Equal<typeof partly, typeof thrice>>()
const double = Task.fn("double", (x: number) => 2 * x).annotate(Task.Title, "Double")
export const itsLayer = double.layer
// @ts-expect-error: not the type of the annotation
fetch.annotate(Task.Title, 1)
