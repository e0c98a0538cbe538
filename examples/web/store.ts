/**
 * Where the tasks are: the one thing that the server and its readers have to agree about.
 */
import { join } from "node:path"
import * as SqliteStore from "effect-strand/SqliteStore"

export const layer = (state: string) => SqliteStore.layer({ filename: join(state, "tasks.db") })
