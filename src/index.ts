/**
 * The public face of Strand: what most programs need. Each module has a subpath of its own, too; stores on a database
 * come by their subpath alone.
 *
 * @since 0.1.0
 */
export * from "./browser.ts"
export * as ProcessRunner from "./runner/ProcessRunner.ts"
export * as StoreReader from "./runner/StoreReader.ts"
export * as StoreRunner from "./runner/StoreRunner.ts"
export * as Strand from "./runner/Strand.ts"
export * as ThreadRunner from "./runner/ThreadRunner.ts"
