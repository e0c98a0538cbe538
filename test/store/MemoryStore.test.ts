// The store in memory keeps the promises of every store.
import * as MemoryStore from "effect-strand/MemoryStore"
import { StoreSuite } from "effect-strand/testing"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

StoreSuite.suite("MemoryStore", {
  make: ({ autoCleanup, timeToLive }) => MemoryStore.layer({ autoCleanup, timeToLive }),
  capabilities: { persistent: false, clients: false }
})
