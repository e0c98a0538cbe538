/**
 * The public face of Strand.
 *
 * @since 0.1.0
 */
export * as FiberRunner from "./runner/FiberRunner.ts"
export * as ProcessRunner from "./runner/ProcessRunner.ts"
export * as RunnerStats from "./RunnerStats.ts"
export * as Task from "./Task.ts"
export { TaskContext } from "./TaskContext.ts"
export * as TaskError from "./TaskError.ts"
export * as TaskFiber from "./TaskFiber.ts"
export * as TaskHandlers from "./TaskHandlers.ts"
export * as TaskRequest from "./TaskRequest.ts"
export { TaskRunner } from "./TaskRunner.ts"
export * as ThreadRunner from "./runner/ThreadRunner.ts"
