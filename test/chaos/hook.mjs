// Preloaded into a built revgate (node --import), never part of it: breaks its network and its disk when
// the test says so over the IPC channel, with { network: "up" | "cut", disk: "up" | "full" | "slow" }.
import { createRequire } from "node:module";
import { Socket } from "node:net";

const require = createRequire(import.meta.url);
const promises = require("node:fs/promises");
const ports = new Set((process.env.CHAOS_PORTS ?? "").split(",").map(Number));
const sockets = new Set();
let faults = { network: "up", disk: "up" };

process.on("message", (message) => {
  faults = message;
  if (faults.network === "cut") for (const socket of sockets) socket.destroy(new Error("cut"));
  process.send(faults);
});
process.channel?.unref();

const connect = Socket.prototype.connect;
Socket.prototype.connect = function connectUnlessCut(...args) {
  const first = Array.isArray(args[0]) ? args[0][0] : args[0];
  const socket = connect.apply(this, args);
  if (!ports.has(Number(first?.port ?? first))) return socket;
  sockets.add(this);
  this.once("close", () => sockets.delete(this));
  if (faults.network === "cut") process.nextTick(() => this.destroy(new Error("cut")));
  return socket;
};

const probe = await promises.open("/dev/null");
const files = Object.getPrototypeOf(probe);
await probe.close();
for (const method of ["write", "datasync", "sync"]) {
  const original = files[method];
  files[method] = async function failing(...args) {
    if (faults.disk === "full") {
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    }
    if (faults.disk === "slow") await new Promise((resolve) => setTimeout(resolve, 200));
    return original.apply(this, args);
  };
}
