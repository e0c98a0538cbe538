/**
 * The tasks of the scraper: getting a page waits for the network, reading it computes. Each names the runner it is for.
 */
import { Schema } from "effect"
import { Task } from "effect-strand"

/** There is no such page. */
export class PageMissing extends Schema.TaggedError<PageMissing>()("PageMissing", { path: Schema.String }) {}

/** The site did not answer, or did not want to. Worth another attempt. */
export class SiteBusy extends Schema.TaggedError<SiteBusy>()("SiteBusy", {
  path: Schema.String,
  status: Schema.Int
}) {
  override get message(): string {
    return `${this.path} could not be had: status ${this.status}`
  }
}

/** Gets a page of a site. */
export const fetchPage = Task.make("fetchPage", {
  payload: { site: Schema.String, path: Schema.String },
  success: Schema.String,
  error: Schema.Union([PageMissing, SiteBusy]),
  runner: "network"
})

/** Finds out what is on a page. */
export const readPage = Task.make("readPage", {
  payload: { html: Schema.String },
  success: Schema.Struct({ title: Schema.String, words: Schema.Int, links: Schema.Array(Schema.String) }),
  runner: "threads"
})
