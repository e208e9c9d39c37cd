// Ends a session, or all sessions of a user, in every region: succeeds when each region has answered.
//
//   REGIONS="eu=http://127.0.0.1:9090 us=http://127.0.0.1:9091" node end-everywhere.js < token.txt
//   REGIONS=… node end-everywhere.js alice
//
// Run it, or do what it does, where a session ends: behind a logout that must count everywhere, in a worker that takes such
// logouts from a queue of yours. A region that is away is asked again until WAIT_SECONDS are over; then it is named, and the
// exit code is 1: the session may go on there, and it is for the caller to try again later.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

const secret = readFileSync(process.env.ADMIN_TOKEN_FILE ?? "admin-token", "utf8").trim();
const waitMs = Number(process.env.WAIT_SECONDS ?? 10) * 1000;
const regions = (process.env.REGIONS ?? "")
  .split(" ")
  .filter(Boolean)
  .map((region) => region.split(/=(.*)/s));

const [, , subject] = process.argv;
const [path, contentType, body] =
  subject === undefined
    ? ["/revoke", "application/x-www-form-urlencoded", new URLSearchParams({ token: (await text(process.stdin)).trim() })]
    : ["/revocations", "application/json", JSON.stringify({ subject })];

/** Asks one sidecar of a region; its answer comes when all sidecars of that region refuse. */
async function endIn(admin) {
  const headers = { authorization: `Bearer ${secret}`, "content-type": contentType };
  const signal = AbortSignal.timeout(waitMs);
  const response = await fetch(admin + path, { method: "POST", headers, body: String(body), signal });
  if (!response.ok) throw new Error(`answered ${response.status}`);
}

async function endSurely([region, admin]) {
  const untilMs = Date.now() + waitMs;
  for (;;) {
    try {
      await endIn(admin);
      console.log(`${region}: ended`);
      return true;
    } catch (error) {
      if (Date.now() > untilMs) {
        console.log(`${region}: not ended (${error.cause?.code ?? error.message})`);
        return false;
      }
      await sleep(200);
    }
  }
}

if (regions.length === 0) throw new Error("REGIONS names no region");
const ended = await Promise.all(regions.map(endSurely));
process.exitCode = ended.every(Boolean) ? 0 : 1;
