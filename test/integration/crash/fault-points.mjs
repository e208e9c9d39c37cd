// Preloaded into a built revgate (node --import), never part of it: kills the process at a boundary.
//
// A boundary is the moment before, and the moment after, a write or sync of a file, a rename, or bytes
// going out on a connection to anybody but the test itself. They count from the moment at which the file
// named by FAULT_ARM exists; FAULT_AT is the number of the one to die at, and their names are written to
// FAULT_LOG, so that a run that dies at none tells how many there are. Bytes that match FAULT_IGNORE are
// not on the way of what is tested.
import { appendFileSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { Socket } from "node:net";

const require = createRequire(import.meta.url);
const promises = require("node:fs/promises");
const fs = require("node:fs");
const { FAULT_ARM = "", FAULT_AT = "0", FAULT_LOG = "", FAULT_IGNORE = "^$" } = process.env;
const ignored = new RegExp(FAULT_IGNORE);
const append = fs.appendFileSync;
let armed = false;
let count = 0;

function pass(name) {
  armed ||= existsSync(FAULT_ARM);
  if (!armed) return;
  count += 1;
  append(FAULT_LOG, `${count} ${name}\n`);
  if (count === Number(FAULT_AT)) process.kill(process.pid, "SIGKILL");
}

function around(owner, method, name) {
  const original = owner[method];
  owner[method] = async function faulty(...args) {
    pass(`before ${name}`);
    const result = await original.apply(this, args);
    pass(`after ${name}`);
    return result;
  };
}

const probe = await promises.open("/dev/null");
const files = Object.getPrototypeOf(probe);
await probe.close();
for (const method of ["write", "datasync", "sync", "truncate"]) around(files, method, method);
around(promises, "rename", "rename");
require("node:module").syncBuiltinESMExports();

for (const method of ["_write", "_writev"]) {
  const original = Socket.prototype[method];
  Socket.prototype[method] = function faulty(...args) {
    // Standard output is a pipe to the test, and so is the control socket's business.
    const outward = this.remotePort !== undefined && !ignored.test(textOf(args[0]));
    if (outward) pass("before send");
    const callback = args.pop();
    return original.call(this, ...args, (error) => {
      if (outward) pass("after send");
      callback(error);
    });
  };
}
function textOf(data) {
  return Array.isArray(data) ? data.map(({ chunk }) => String(chunk)).join("") : String(data);
}

appendFileSync(FAULT_LOG, "");
