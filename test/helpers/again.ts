import { type Reply, send } from "./http.ts";
import { until } from "./until.ts";

/** Asks again while the answer is 503: a sidecar on a busy machine may have to ask Redis, in vain. */
export async function answered(ask: () => Promise<Reply>): Promise<Reply> {
  let reply: Reply | undefined;
  await until(async () => {
    reply = await ask();
    return reply.status !== 503;
  });
  if (reply === undefined) throw new Error("not asked");
  return reply;
}

/** The status of a request with a token, as soon as it is no 503. */
export async function statusOf({ url }: { readonly url: string }, token: string): Promise<number> {
  const { status } = await answered(() => send(`${url}/me`, { headers: { token } }));
  return status;
}

/**
 * Logs out, and again while the answer is 503; rejects if it is refused.
 *
 * One that could not be put in force everywhere in time (`revocation_pending`) is in force at the sidecar that says so:
 * its repetition is refused for that.
 */
export async function logOutWith(ask: () => Promise<Reply>): Promise<void> {
  let isInForceHere = false;
  const reply = await answered(async () => {
    const reply = await ask();
    if (reply.text.includes('"revocation_pending"')) isInForceHere = true;
    return reply;
  });
  const isRepeated = isInForceHere && reply.text.includes('"token_revoked"');
  if (reply.status !== 200 && !isRepeated) throw new Error(`${reply.status} ${reply.text}`);
}
