// How the suite opens SQLite stores, also in processes of its own.
import { join } from "node:path"
import * as SqliteStore from "../../src/store/SqliteStore.ts"
import type { StoreSuite } from "../../src/testing/index.ts"

const make: StoreSuite.StoreSubject["make"] = ({ autoCleanup, folder, timeToLive }) =>
  SqliteStore.layer({ filename: join(folder, "tasks.db"), autoCleanup, timeToLive })

export default make
