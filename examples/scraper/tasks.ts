/**
 * The tasks module of the threads: reading a page is work for a processor.
 */
import { Effect } from "effect"
import { readPage } from "./definition.ts"

const textOf = (html: string): string => html.replaceAll(/<(script|style)[\s\S]*?<\/\1>|<[^>]*>/g, " ")

export default readPage.toLayer(({ html }) =>
  Effect.sync(() => ({
    title: /<title>([^<]*)<\/title>/.exec(html)?.[1] ?? "",
    words: textOf(html).match(/[\p{L}\p{N}]+/gu)?.length ?? 0,
    links: [...new Set(Array.from(html.matchAll(/<a href="([^"#]+)"/g), ([, href]) => href!))]
  }))
)
