/** A middleware that does the same round a task of one result and round one of many. */
import { effects, type Kind, streams } from "../../internal/call/Kind.ts"
import type { TaskRequest } from "../../TaskRequest.ts"
import type { Around } from "../Middleware.ts"

export const both = (around: <X>(kind: Kind<X>, request: TaskRequest, next: X) => X): Around => ({
  execute: (request, next) => around(effects, request, next),
  stream: (request, next) => around(streams, request, next)
})
