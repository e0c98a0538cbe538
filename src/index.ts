/**
 * The public face of Strand.
 *
 * @since 0.1.0
 */
export { asTask, type Options as AsTaskOptions, type Target } from "./runner/asTask.ts"
export * as Dispatcher from "./Dispatcher.ts"
export * as FiberRunner from "./runner/FiberRunner.ts"
export * as Limiter from "./Limiter.ts"
export * as Middleware from "./middleware/index.ts"
export * as ProcessRunner from "./runner/ProcessRunner.ts"
export * as RunnerStats from "./RunnerStats.ts"
export * as Task from "./Task.ts"
export { TaskContext } from "./TaskContext.ts"
export * as TaskCron from "./TaskCron.ts"
export * as TaskDefinition from "./TaskDefinition.ts"
export * as TaskError from "./TaskError.ts"
export * as TaskFiber from "./TaskFiber.ts"
export * as TaskHandlers from "./TaskHandlers.ts"
export { TaskMetrics } from "./middleware/metrics.ts"
export * as TaskRequest from "./TaskRequest.ts"
export { TaskQueue } from "./store/TaskQueue.ts"
export type {
  Claim,
  Consumer,
  ConsumerOptions,
  NewTask,
  Offered,
  QueueSettings,
  Settlement,
  Signal
} from "./store/TaskQueue.ts"
export { RunnerUnavailable } from "./NamedRunner.ts"
export { TaskRouter } from "./TaskRouter.ts"
export type { NamedRunners, RouterOptions, RunnerNames } from "./TaskRouter.ts"
export { type IdleOptions, TaskRunner } from "./TaskRunner.ts"
export { TaskStore } from "./store/TaskStore.ts"
export type {
  EncodedExit,
  EntriesOptions,
  Filter,
  TaskChange,
  TaskEvent,
  TaskRecord,
  TraceParent
} from "./store/TaskStore.ts"
export * as StoreReader from "./runner/StoreReader.ts"
export * as StoreRunner from "./runner/StoreRunner.ts"
export * as Strand from "./runner/Strand.ts"
export * as ThreadRunner from "./runner/ThreadRunner.ts"
