/**
 * The public face of Strand: what most programs need. Each module has a subpath of its own, too; stores on a database
 * come by their subpath alone.
 *
 * @since 0.1.0
 */
export * as Dispatcher from "./Dispatcher.ts"
export * as FiberRunner from "./runner/FiberRunner.ts"
export * as Limiter from "./Limiter.ts"
export * as Middleware from "./middleware/index.ts"
export * as ProcessRunner from "./runner/ProcessRunner.ts"
export * as RunnerStats from "./RunnerStats.ts"
export * as StoreReader from "./runner/StoreReader.ts"
export * as StoreRunner from "./runner/StoreRunner.ts"
export * as Strand from "./runner/Strand.ts"
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
export * as ThreadRunner from "./runner/ThreadRunner.ts"
