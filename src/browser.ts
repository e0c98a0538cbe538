/**
 * The part of the public face that runs wherever Effect does: what `effect-strand` leads to under the condition `browser`.
 *
 * @since 0.4.0
 */
export * as Dispatcher from "./Dispatcher.ts"
export * as FiberRunner from "./runner/FiberRunner.ts"
export * as Limiter from "./Limiter.ts"
export * as Middleware from "./middleware/index.ts"
export * as RunnerStats from "./RunnerStats.ts"
export * as Task from "./Task.ts"
export * as TaskContext from "./TaskContext.ts"
export * as TaskCron from "./TaskCron.ts"
export * as TaskDefinition from "./TaskDefinition.ts"
export * as TaskError from "./TaskError.ts"
export * as TaskFiber from "./TaskFiber.ts"
export * as TaskHandlers from "./TaskHandlers.ts"
export * as TaskQueue from "./store/TaskQueue.ts"
export * as TaskRequest from "./TaskRequest.ts"
export * as TaskRouter from "./TaskRouter.ts"
export * as TaskRunner from "./TaskRunner.ts"
export * as TaskStore from "./store/TaskStore.ts"
