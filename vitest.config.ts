import { defineConfig } from "vitest/config"

/** The condition in the exports of package.json by which `effect-strand` leads to the sources. */
const condition = "strand-source"

export default defineConfig({
  // As Node resolves packages, and what the tests start in threads and processes of their own.
  ssr: { resolve: { conditions: [condition, "node"] } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/bench/**"],
    // For programs that a test starts by itself.
    env: { NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --conditions=${condition}`.trim() },
    // Child processes: a test may start threads, and a crash of one takes no other file with it.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})
