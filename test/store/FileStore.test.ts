// The store of files keeps the promises of every store.
import { watch } from "node:fs"
import { StoreSuite } from "effect-strand/testing"
import * as Leaks from "../helpers/leaks.ts"
import make from "./fileStores.ts"

// Node keeps the descriptor with which it watches files, once it has watched one.
watch(import.meta.dirname).close()

Leaks.check()

StoreSuite.suite("FileStore", {
  make,
  module: new URL("./fileStores.ts", import.meta.url),
  capabilities: { persistent: true, clients: true }
})
