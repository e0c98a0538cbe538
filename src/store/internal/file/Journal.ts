/**
 * What the processes that share a folder have done to its records, one frame for each transaction.
 *
 * A frame is a length, a checksum and the transaction's changeset. Whoever writes holds the folder's lock; whoever reads
 * goes on from where it was. A frame that its writer died in is cut off by the next one. When a journal has grown large a
 * new one is begun, and the one before the last is removed: a process that has fallen so far behind reads the records anew.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync
} from "node:fs"
import { join } from "node:path"
import { crc32 } from "node:zlib"

const headerSize = 8

/** How large a journal grows before the next one is begun, in bytes. */
const largest = 8 * 1024 * 1024

/** The journals of a folder, as one process reads and writes them. */
export class Journal {
  private readonly folder: string
  private readonly sync: boolean
  private number = 0
  private file = -1
  private position = 0

  constructor(folder: string, sync: boolean) {
    this.folder = folder
    this.sync = sync
    mkdirSync(folder, { recursive: true })
  }

  private path(number: number): string {
    return join(this.folder, `${number}.journal`)
  }

  private get numbers(): ReadonlyArray<number> {
    return readdirSync(this.folder)
      .filter((name) => name.endsWith(".journal"))
      .map((name) => Number.parseInt(name, 10))
      .toSorted((a, b) => a - b)
  }

  private open(number: number): void {
    if (this.file >= 0) closeSync(this.file)
    this.number = number
    this.file = openSync(this.path(number), "a+")
    this.position = 0
  }

  /** Goes to the beginning of the oldest journal. To be called with the lock. */
  rewind(): void {
    this.open(this.numbers[0] ?? 1)
  }

  /** Gives the frames that are new, in order. Undefined when some of them are gone: everything has to be read anew. */
  read(): ReadonlyArray<Uint8Array> | undefined {
    const frames = this.readFile()
    while (existsSync(this.path(this.number + 1))) {
      this.open(this.number + 1)
      frames.push(...this.readFile())
    }
    // A journal without a name is one that others have removed, and all after it may be gone too.
    return fstatSync(this.file).nlink === 0 ? undefined : frames
  }

  private readFile(): Array<Uint8Array> {
    const { size } = fstatSync(this.file)
    if (size <= this.position) return []
    const bytes = Buffer.alloc(size - this.position)
    const length = readSync(this.file, bytes, 0, bytes.length, this.position)
    const frames: Array<Uint8Array> = []
    let at = 0
    while (at + headerSize <= length) {
      const end = at + headerSize + bytes.readUInt32LE(at)
      if (end > length) break
      const frame = bytes.subarray(at + headerSize, end)
      if (crc32(frame) !== bytes.readUInt32LE(at + 4)) break
      frames.push(frame)
      at = end
    }
    this.position += at
    return frames
  }

  /** Adds a frame. To be called with the lock, when everything has been read. */
  append(changeset: Uint8Array): void {
    const frame = Buffer.alloc(headerSize + changeset.length)
    frame.writeUInt32LE(changeset.length, 0)
    frame.writeUInt32LE(crc32(changeset), 4)
    frame.set(changeset, headerSize)
    // What a writer left unfinished when it died.
    ftruncateSync(this.file, this.position)
    try {
      let written = 0
      while (written < frame.length) written += writeSync(this.file, frame, written)
      if (this.sync) fdatasyncSync(this.file)
    } catch (error) {
      ftruncateSync(this.file, this.position)
      throw error
    }
    this.position += frame.length
  }

  /** Takes the latest frame back, whose transaction has failed. To be called with the lock. */
  retract(changeset: Uint8Array): void {
    this.position -= headerSize + changeset.length
    ftruncateSync(this.file, this.position)
  }

  /** Begins a new journal when this one is large. To be called with the lock. */
  rotate(): void {
    if (this.position < largest) return
    this.open(this.number + 1)
    for (const number of this.numbers) if (number < this.number - 1) rmSync(this.path(number), { force: true })
  }

  close(): void {
    if (this.file >= 0) closeSync(this.file)
  }
}
