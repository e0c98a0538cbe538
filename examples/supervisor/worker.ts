/**
 * A worker with a bug: it tells what things cost, and dies when it is asked for something that it does not know.
 */
import { createServer } from "node:http"

const prices: Readonly<Record<string, { readonly euros: number }>> = {
  tea: { euros: 3 },
  coffee: { euros: 4 },
  cake: { euros: 5 }
}

createServer((request, response) => {
  const item = request.url!.slice(1)
  // Here is the bug: nobody looks whether there is such an item.
  response.end(item === "health" ? "fine" : String(prices[item]!.euros))
}).listen(Number(process.env["PORT"]), "127.0.0.1")
