// How the suite opens SQLite stores, also in processes of its own.
import { join } from "node:path"
import * as SqliteStore from "effect-strand/SqliteStore"
import type { StoreSuite } from "effect-strand/testing"

const make: StoreSuite.StoreSubject["make"] = ({ autoCleanup, folder, timeToLive }) =>
  SqliteStore.layer({ filename: join(folder, "tasks.db"), autoCleanup, timeToLive })

export default make
