/**
 * What can be put round a runner. Reached as `Middleware` from `effect-strand`.
 *
 * @since 0.2.0
 */
export * from "./Middleware.ts"
export * from "./auth.ts"
export * from "./recorded.ts"
export * from "./stack.ts"
export * from "./metrics.ts"
export * from "./logging.ts"
export * from "./tracing.ts"
export { rateLimit, type RateLimitCommonOptions, type RateLimitOptions } from "./rateLimit.ts"
export * from "./rateLimitShared.ts"
export { concurrency, type ConcurrencyOptions } from "./concurrency.ts"
export * from "./retry.ts"
export * from "./timeout.ts"
export { cache, type CacheOptions } from "./cache.ts"
export * from "./circuitBreaker.ts"
