/**
 * A lock between processes that cannot be left behind.
 *
 * It is the lock of an empty SQLite database: the operating system gives it back when its holder dies, however it dies, and
 * no pid has to be guessed at. Nobody waits for it in the event loop.
 */
import { DatabaseSync } from "node:sqlite"
import { busyTimeout, type Done, execWhenFree } from "../sqlite/Statements.ts"

/** A lock in a file. */
export class Lock {
  private readonly db: DatabaseSync

  constructor(path: string) {
    this.db = new DatabaseSync(path, { timeout: 10_000 })
    try {
      // The lock is in the file itself, so there is no journal to write.
      this.db.exec("PRAGMA journal_mode = OFF; PRAGMA busy_timeout = 0")
    } catch (error) {
      this.db.close()
      throw error
    }
  }

  /** Calls back when the lock is held, or cannot be had. */
  acquire(done: Done): void {
    execWhenFree(this.db, "BEGIN EXCLUSIVE", done)
  }

  /** Holds the lock for the time of a function, and waits for it in place: for the time before the event loop matters. */
  hold<A>(run: () => A): A {
    this.db.exec(`PRAGMA busy_timeout = ${busyTimeout}; BEGIN EXCLUSIVE; PRAGMA busy_timeout = 0`)
    try {
      return run()
    } finally {
      this.release()
    }
  }

  release(): void {
    this.db.exec("COMMIT")
  }

  close(): void {
    this.db.close()
  }
}
