// The store in an SQLite file keeps the promises of every store.
import { StoreSuite } from "effect-strand/testing"
import * as Leaks from "../helpers/leaks.ts"
import make from "./sqliteStores.ts"

Leaks.check()

StoreSuite.suite("SqliteStore", {
  make,
  module: new URL("./sqliteStores.ts", import.meta.url),
  capabilities: { persistent: true, clients: true }
})
