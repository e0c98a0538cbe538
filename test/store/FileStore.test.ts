// The store of files keeps the promises of every store.
import { StoreSuite } from "effect-strand/testing"
import * as Leaks from "../helpers/leaks.ts"
import make from "./fileStores.ts"

Leaks.check()

StoreSuite.suite("FileStore", {
  make,
  module: new URL("./fileStores.ts", import.meta.url),
  capabilities: { persistent: true, clients: true }
})
