// What Middleware.auth takes and gives, as types.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Middleware, Task, type TaskContext, type TaskError, type TaskRequest, type TaskRunner } from "effect-strand"

class Users extends Context.Service<Users, { readonly find: (token: string) => Effect.Effect<string, Error> }>()(
  "test/types/Users"
) {}

const User = Schema.Struct({ name: Schema.String, since: Schema.Date })

// The services of verify are those of the Layer; its errors are not.
const layer: Layer.Layer<TaskRunner.TaskRunner, never, TaskRunner.TaskRunner | Users> = Middleware.auth({
  verify: (token) => {
    const shown: Redacted.Redacted = token
    return Effect.flatMap(Users, (users) => users.find(String(shown)))
  }
})

// An extractor says what credentials are.
Middleware.auth({
  credentials: (request: TaskRequest.TaskRequest) => (request.tags.length > 0 ? { tag: request.tags[0] } : undefined),
  verify: ({ tag }) => Effect.succeed({ user: tag ?? "nobody" })
})

// Without one they are those of withCredentials.
// @ts-expect-error a token is Redacted
Middleware.auth({ verify: (token: string) => Effect.succeed(token) })

// The schema is the principal's.
Middleware.auth({ principal: User, verify: () => Effect.succeed({ name: "ada", since: new Date() }) })
// @ts-expect-error since is missing
Middleware.auth({ principal: User, verify: () => Effect.succeed({ name: "ada" }) })

const principal: Effect.Effect<
  { readonly name: string; readonly since: Date },
  TaskError.Unauthorized,
  TaskContext.TaskContext
> = Middleware.principal(User)

// A handler needs nothing more for it.
const task = Task.make("task", { success: Schema.String })
const handlers: Layer.Layer<Task.Handler<"task">> = task.toLayer(() => Effect.map(principal, ({ name }) => name))

const called: Effect.Effect<string, TaskError.TaskError, TaskRunner.TaskRunner> = task
  .run()
  .pipe(Middleware.withCredentials("token"))

export { called, handlers, layer }
