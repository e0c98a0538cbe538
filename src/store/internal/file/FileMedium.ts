/**
 * Makes a database in memory durable in a folder, and the same as that of all other processes which use the folder.
 *
 * Each process has the whole store in memory, as SQLite tables. A transaction begins with the folder's lock and with what
 * the others have written since; its changeset goes to the journal, and each record that it touched to a file of its own.
 * The journal is what counts: a process that dies between the two leaves files that the next opening brings up to date.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { constants, type DatabaseSync, type Session as ChangeSession } from "node:sqlite"
import type { Medium } from "../sqlite/Database.ts"
import { recount, refuseNewer, version } from "../sqlite/Schema.ts"
import { type Done, insertInto, type Parameter, type Row, Statements, text } from "../sqlite/Statements.ts"
import { Journal } from "./Journal.ts"
import { Lock } from "./Lock.ts"
import { columnNames, RecordFiles, writeAside } from "./RecordFiles.ts"

/** The tables beside that of the tasks, which are small and kept in one file. */
const stateTables = ["strand_lanes", "strand_queues", "strand_sessions", "strand_signals"] as const

/** What is in that file. */
type State = { readonly format?: number } & {
  readonly [K in (typeof stateTables)[number]]?: ReadonlyArray<Readonly<Record<string, Parameter>>>
}

/** Which tables a process has for itself. */
const isShared = (table: string): boolean => table === "strand_tasks" || stateTables.some((each) => each === table)

/** Marks that one of the small tables has been touched. */
const stateMark = ""

const touching = (table: string, what: (row: "new" | "old") => string): string =>
  (["INSERT", "UPDATE", "DELETE"] as const)
    .map(
      (event) => `CREATE TEMP TRIGGER touched_${table}_${event} AFTER ${event} ON main.${table} BEGIN
        INSERT INTO touched SELECT ${what(event === "DELETE" ? "old" : "new")} AS one
          WHERE one NOT IN (SELECT id FROM touched); END;`
    )
    .join("\n")

/** The durable side of a store in a folder. */
export class FileMedium implements Medium {
  readonly records: RecordFiles
  private readonly db: DatabaseSync
  private readonly statements: Statements
  private readonly lock: Lock
  private readonly journal: Journal
  private readonly statePath: string
  private readonly sync: boolean
  private readonly onDamaged: (problem: string) => void
  private session: ChangeSession | undefined
  /** The tasks of a transaction that could not be persisted. */
  private retracted: ReadonlyArray<string> = []

  constructor(db: DatabaseSync, folder: string, sync: boolean, onDamaged: (problem: string) => void) {
    this.db = db
    this.statements = new Statements(db)
    this.sync = sync
    this.onDamaged = onDamaged
    this.records = new RecordFiles(join(folder, "records"), sync)
    this.journal = new Journal(join(folder, "journal"), sync)
    this.lock = new Lock(join(folder, "lock"))
    this.statePath = join(folder, "state.json")
    db.exec("CREATE TEMP TABLE touched (id TEXT PRIMARY KEY)")
    db.exec(touching("strand_tasks", (row) => `${row}.id`))
    for (const table of stateTables) db.exec(touching(table, () => `'${stateMark}'`))
    try {
      this.lock.hold(() => this.load())
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Reads everything anew. To be called with the lock. */
  private load(): void {
    const damagedBefore = new Map(this.records.damaged)
    this.db.exec("BEGIN")
    try {
      for (const table of ["strand_tasks", ...stateTables]) this.db.exec(`DELETE FROM ${table}`)
      this.loadState()
      const insert = this.db.prepare(insertInto("strand_tasks", columnNames))
      for (const values of this.records.load()) insert.run(...values)
      this.journal.rewind()
      this.apply(this.journal.read() ?? [])
      this.db.exec("DELETE FROM touched")
      this.db.exec("COMMIT")
    } catch (error) {
      this.db.exec("ROLLBACK")
      throw error
    }
    if (this.records.damaged.size > 0) {
      // Damaged files are written anew whose tasks the journal still knows. The others stay as they are, and are reported.
      const known = this.ids("SELECT id FROM strand_tasks")
      this.tryToWrite(known.filter((id) => this.records.damageOf(id) !== undefined))
    }
    for (const [path, problem] of this.records.damaged) {
      if (damagedBefore.get(path) !== problem) this.onDamaged(`${path}: ${problem}`)
    }
  }

  private loadState(): void {
    if (!existsSync(this.statePath)) return
    const state: State = JSON.parse(readFileSync(this.statePath, "utf8"))
    if (state.format !== undefined) refuseNewer(state.format)
    for (const table of stateTables) {
      for (const row of state[table] ?? []) {
        this.db.prepare(insertInto(table, Object.keys(row))).run(...Object.values(row))
      }
    }
  }

  /** Does what others have done. Where the files were ahead of the journal, the journal's last word on a row counts. */
  private apply(frames: ReadonlyArray<Uint8Array>): void {
    if (frames.length === 0) return
    for (const frame of frames) {
      this.db.applyChangeset(frame, {
        filter: isShared,
        onConflict: (conflict) =>
          conflict === constants.SQLITE_CHANGESET_DATA || conflict === constants.SQLITE_CHANGESET_CONFLICT
            ? constants.SQLITE_CHANGESET_REPLACE
            : constants.SQLITE_CHANGESET_OMIT
      })
    }
    this.db.exec(`DELETE FROM touched;
      UPDATE strand_state SET version = version + 1, ${recount}`)
  }

  acquire(done: Done): void {
    this.lock.acquire((failure) => {
      if (failure !== undefined) return done(failure)
      try {
        const frames = this.journal.read()
        if (frames === undefined) this.load()
        else this.apply(frames)
        this.session = this.db.createSession()
      } catch (error) {
        this.lock.release()
        return done({ error })
      }
      done()
    })
  }

  persist(done: Done): void {
    const changeset = this.session!.changeset()
    let appended = false
    try {
      if (changeset.length > 0) {
        this.journal.append(changeset)
        appended = true
        this.writeFiles(this.touched)
        this.db.exec("DELETE FROM touched")
      }
    } catch (error) {
      if (appended) {
        // The transaction will be rolled back: what it wrote into files is written as it was before.
        this.journal.retract(changeset)
        this.retracted = this.touched
      }
      return done({ error })
    }
    done()
  }

  private get touched(): ReadonlyArray<string> {
    return this.ids("SELECT id FROM touched")
  }

  private ids(sql: string): ReadonlyArray<string> {
    const rows: ReadonlyArray<Row> = this.statements.prepare(sql).all()
    return rows.map((row) => text(row[0], undefined))
  }

  private writeFiles(ids: ReadonlyArray<string>): void {
    const find = this.statements.prepare(`SELECT ${columnNames.join(", ")} FROM strand_tasks WHERE id = ?`)
    for (const id of ids) {
      if (id === stateMark) {
        this.writeState()
        continue
      }
      const row = find.get(id)
      if (row === undefined) this.records.remove(id)
      else this.records.write(row)
    }
  }

  private writeState(): void {
    const tables = Object.fromEntries(
      stateTables.map((table) => [table, this.db.prepare(`SELECT * FROM ${table}`).all()])
    )
    writeAside(this.statePath, `${JSON.stringify({ format: version, ...tables }, null, 2)}\n`, this.sync)
  }

  release(): void {
    this.session?.close()
    this.session = undefined
    // Without room for an old file it is there all the same, since a new one is only renamed when it is whole.
    this.tryToWrite(this.retracted)
    this.retracted = []
    try {
      this.journal.rotate()
    } catch {
      // Without room for a new journal the old one goes on.
    }
    this.lock.release()
  }

  private tryToWrite(ids: ReadonlyArray<string>): void {
    for (const id of ids) {
      try {
        this.writeFiles([id])
      } catch {
        // The others go on.
      }
    }
  }

  close(): void {
    this.journal.close()
    this.lock.close()
  }
}
