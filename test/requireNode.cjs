// Stops an npm script with one clear sentence when the running Node is too old for this repository.
// The scripts run on the Node of the dev dependency `node`, unless its install script did not run.
// Written in plain old JavaScript, so that an old Node gets as far as saying so.
"use strict"

const wanted = require("../package.json").engines.node.replace(">=", "")
const floor = wanted.split(".").map(Number)
const running = process.versions.node.split(".").map(Number)

if (running[0] < floor[0] || (running[0] === floor[0] && running[1] < floor[1])) {
  console.error(
    "Strand needs Node " +
      wanted +
      " or newer but this is Node " +
      process.versions.node +
      " (" +
      process.execPath +
      "): run `npm ci` with install scripts allowed, which brings Node 24 as the dev dependency `node`."
  )
  process.exit(1)
}
