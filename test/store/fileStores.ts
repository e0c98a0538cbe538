// How the suite opens stores of files, also in processes of its own.
import * as FileStore from "../../src/store/FileStore.ts"
import type { StoreSuite } from "../../src/testing/index.ts"

const make: StoreSuite.StoreSubject["make"] = ({ autoCleanup, folder, timeToLive }) =>
  FileStore.layer({ folder, autoCleanup, timeToLive })

export default make
