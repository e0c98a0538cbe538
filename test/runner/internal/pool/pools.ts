// The two kinds of pools, with the tasks module of this folder.
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as PoolRunner from "../../../../src/runner/internal/pool/PoolRunner.ts"
import * as ProcessRunner from "effect-strand/ProcessRunner"
import * as ThreadRunner from "effect-strand/ThreadRunner"
import type { TaskRunner } from "effect-strand/TaskRunner"

type Options = PoolRunner.Options & { readonly env?: Record<string, string> | undefined }

const module = new URL("./tasks.ts", import.meta.url)

const layers = {
  threads: (options: Options) => ThreadRunner.layer({ module, ...options }),
  processes: (options: Options) => ProcessRunner.layer({ module, ...options })
}

export type Kind = keyof typeof layers

export const kinds: ReadonlyArray<Kind> = ["threads", "processes"]

/** A Layer of a pool of one kind. */
export const layer = (kind: Kind, options: Options): Layer.Layer<TaskRunner, unknown> => layers[kind](options)

/** Gives an Effect a pool of its own. */
export const using =
  (kind: Kind, options: Options) =>
  <A, E>(effect: Effect.Effect<A, E, TaskRunner | Scope.Scope>): Effect.Effect<A, unknown> =>
    Effect.scoped(Effect.provide(effect, layer(kind, options)))

export const range = (length: number): ReadonlyArray<number> => Array.from({ length }, (_, index) => index)
