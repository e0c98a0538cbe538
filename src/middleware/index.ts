/**
 * What can be put round a runner. Reached as `Middleware` from `effect-strand`.
 *
 * @since 0.2.0
 */
export * from "./Middleware.ts"
export { auth, type AuthOptions, Credentials, principal, withCredentials } from "./auth.ts"
export { type Options as RecordedOptions, recorded } from "./recorded.ts"
export { stack, type Stack, type Stackable } from "./stack.ts"
export {
  type CallCounts,
  type CallDurations,
  metrics,
  metricsShared,
  type Options as MetricsOptions,
  type Snapshot,
  TaskMetrics
} from "./metrics.ts"
export { logging, type Options as LoggingOptions } from "./logging.ts"
export { type Options as TracingOptions, tracing } from "./tracing.ts"
export {
  type CommonOptions as RateLimitCommonOptions,
  type Options as RateLimitOptions,
  rateLimit
} from "./rateLimit.ts"
export { type Options as RateLimitSharedOptions, rateLimitShared } from "./rateLimitShared.ts"
export { concurrency, type Options as ConcurrencyOptions } from "./concurrency.ts"
export { type Policy as RetryPolicy, retry } from "./retry.ts"
export { timeout } from "./timeout.ts"
export { cache, type Options as CacheOptions } from "./cache.ts"
export {
  circuitBreaker,
  type Options as CircuitBreakerOptions,
  circuitBreakerShared,
  type Transition as CircuitTransition
} from "./circuitBreaker.ts"
