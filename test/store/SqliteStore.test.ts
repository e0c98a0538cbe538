// The store in an SQLite file keeps the promises of every store.
import { watch } from "node:fs"
import { StoreSuite } from "effect-strand/testing"
import * as Leaks from "../helpers/leaks.ts"
import make from "./sqliteStores.ts"

// Node keeps the descriptor with which it watches files, once it has watched one.
watch(import.meta.dirname).close()

Leaks.check()

StoreSuite.suite("SqliteStore", {
  make,
  module: new URL("./sqliteStores.ts", import.meta.url),
  capabilities: { persistent: true, clients: true }
})
