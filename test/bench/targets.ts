// What Strand's pools have set themselves to reach, each as a comparison within one run.
import { graceMillis } from "./cases/cancel.ts"
import { atLeast, atMost, type Check, limit, within } from "./checks.ts"
import type { Subject } from "./subject.ts"
import { subjects } from "./subjects/index.ts"

/** "No worse" allows for what the same subject differs from itself within a run. */
const noise = 1.05

/**
 * The same for the p99 of the paced mix. Without blocking it is one or two time slices of the operating system, of a
 * worker that waited for a core, and pools that work alike differ that much; with blocking it is ten times as long.
 */
const tailNoise = 1.5

const named = (...names: ReadonlyArray<string>): ReadonlyArray<Subject> =>
  subjects.filter(({ name }) => names.includes(name))

const libraries = subjects.filter(({ group }) => group === "peer")
const processLibraries = libraries.filter(({ kind }) => kind === "process")
const [threads, bundled, processes, fibers] = [
  named("strand threads")[0]!,
  named("strand bundled threads")[0]!,
  named("strand processes")[0]!,
  named("strand fibers")[0]!
]

export const checks: ReadonlyArray<Check> = [
  atLeast("tiny tasks, 256 in flight: threads ≥ 6× piscina", "tiny, 256 in flight", threads, named("piscina"), 6),
  atLeast("tiny tasks, 256 in flight: threads ≥ 3× the best library", "tiny, 256 in flight", threads, libraries, 3),
  atLeast(
    "tiny tasks, 256 in flight: processes ≥ 6× workerpool's processes",
    "tiny, 256 in flight",
    processes,
    named("workerpool processes"),
    6
  ),
  atLeast("tiny tasks, 16 in flight: threads ≥ 2× the best library", "tiny, 16 in flight", threads, libraries, 2),
  atLeast(
    "tiny tasks, 16 in flight: processes ≥ 2× the best library on processes",
    "tiny, 16 in flight",
    processes,
    processLibraries,
    2
  ),
  within("latency: p50 of threads below every library's", "latency p50", threads, libraries, 0, "µs"),
  within(
    "latency: p50 of threads in the best round below every library's",
    "latency p50, best round",
    threads,
    libraries,
    0,
    "µs"
  ),
  within(
    "latency: p50 of processes below every library's on processes",
    "latency p50",
    processes,
    processLibraries,
    0,
    "µs"
  ),
  ...[threads, processes].flatMap((subject) => [
    limit(`CPU work: ${subject.kind} pool at least 97 % of ideal`, "cpu efficiency", subject, "%", (own) => own >= 97),
    atLeast(
      `CPU work: ${subject.kind} pool no worse than the best library (5 % noise allowed)`,
      "cpu efficiency",
      subject,
      libraries,
      1 / noise
    )
  ]),
  ...[
    { row: "mix paced, tiny p99", allowed: tailNoise, text: "50 % noise allowed" },
    { row: "mix 16 in flight, tiny p99", allowed: noise, text: "5 % noise allowed" }
  ].flatMap(({ allowed, row, text }) => [
    atMost(`${row}: threads no worse than the best library (${text})`, row, threads, libraries, allowed),
    atMost(
      `${row}: processes no worse than the best library on processes (${text})`,
      row,
      processes,
      processLibraries,
      allowed
    )
  ]),
  within(
    "cold start: threads at most 50 ms more than a bare thread",
    "first result",
    threads,
    named("bare thread"),
    50,
    "ms"
  ),
  within(
    "cold start: processes at most 50 ms more than a bare process",
    "first result",
    processes,
    named("bare process"),
    50,
    "ms"
  ),
  atMost("cold start: bundled threads at most 2× piscina", "first result", bundled, named("piscina"), 2),
  atMost("memory: a bundled idle thread at most 2× piscina", "memory per worker", bundled, named("piscina"), 2),
  ...[threads, processes].flatMap((subject) => [
    atMost(
      `queueing 10,000: ${subject.kind} pool stalls the event loop no longer than piscina (5 % noise allowed)`,
      "queue 10,000, stall",
      subject,
      named("piscina"),
      noise
    ),
    atMost(
      `heap per waiting task: ${subject.kind} pool at most 2× piscina`,
      "heap per waiting task",
      subject,
      named("piscina"),
      2
    ),
    limit(
      `cancel a busy loop, no forceKillAfter: ${subject.kind} pool answers within 100 ms`,
      "cancel, next result",
      subject,
      "ms",
      (own) => own <= 100
    ),
    limit(
      `cancel a busy loop, grace ${graceMillis} ms: ${subject.kind} pool answers within ${graceMillis + 150} ms`,
      `cancel, grace ${graceMillis} ms`,
      subject,
      "ms",
      (own) => own <= graceMillis + 150
    )
  ]),
  within(
    "fibers: within 3 µs a task of a bare fork and join",
    "fork and join, 1 in flight",
    fibers,
    named("bare fibers"),
    3,
    "µs"
  )
]
