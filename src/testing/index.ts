/**
 * Conformance suites, for those who write a runner or a store of their own. They need `vitest` and `@effect/vitest`.
 *
 * @since 0.1.0
 */
export * as RunnerSuite from "./RunnerSuite.ts"
export * as StoreSuite from "./StoreSuite.ts"
