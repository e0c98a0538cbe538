// How the suite opens stores of files, also in processes of its own.
import * as FileStore from "effect-strand/FileStore"
import type { StoreSuite } from "effect-strand/testing"

const make: StoreSuite.StoreSubject["make"] = ({ autoCleanup, folder, timeToLive }) =>
  FileStore.layer({ folder, autoCleanup, timeToLive })

export default make
