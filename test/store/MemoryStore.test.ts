// The store in memory keeps the promises of every store.
import * as MemoryStore from "../../src/store/MemoryStore.ts"
import { StoreSuite } from "../../src/testing/index.ts"
import * as Leaks from "../leaks.ts"

Leaks.check()

StoreSuite.suite("MemoryStore", {
  make: ({ autoCleanup, timeToLive }) => MemoryStore.layer({ autoCleanup, timeToLive }),
  capabilities: { persistent: false, clients: false }
})
