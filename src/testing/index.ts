/**
 * Conformance suites, for those who write a runner of their own. They need `vitest` and `@effect/vitest`.
 *
 * @since 0.1.0
 */
export * as RunnerSuite from "./RunnerSuite.ts"
