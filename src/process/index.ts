/**
 * Background processes: `effect-strand/process`.
 *
 * @since 0.3.0
 */
export type { BackgroundProcess, ProcessExit, ProcessStatus, TaskProcess } from "./BackgroundProcess.ts"
export type { Line } from "./internal/Output.ts"
export { ProcessExited, ProcessNotReady, ProcessNotStarted, RunProcessError } from "./ProcessError.ts"
export type { Ready } from "./internal/Readiness.ts"
export type { StartError } from "./internal/TaskCommand.ts"
export { runProcess } from "./runProcess.ts"
export type { CommandOptions, Options, TaskOptions } from "./runProcess.ts"
export type { RunEnd } from "./internal/Supervisor.ts"
