// The admin secret, and what is asked with it.

/** The secret as it was typed to its end, whether it was wrong, and why the last question had no answer. */
export const access = { typed: "", isWrong: false, trouble: undefined };

/** What a request carries to be believed. */
export function bearer(secret) {
  return { authorization: `Bearer ${secret}` };
}

export const wrongSecret = "The admin secret is not right.";
const limited = "Too many wrong secrets came from this address";
const needsSecret = document.body.classList.contains("with-api");

/** The latest revocations, and why there are none to show: the secret that they need is missing or wrong, say. */
export async function readLatest() {
  if (needsSecret && access.typed === "")
    return { latest: [], why: "Type the admin secret to see them." };
  if (needsSecret && access.isWrong) return { latest: [], why: access.trouble };
  const reply = await fetch("latest", needsSecret ? { headers: bearer(access.typed) } : {});
  access.isWrong = reply.status === 401;
  access.trouble = access.isWrong ? wrongSecret : troubleOf(reply);
  return { latest: reply.ok ? await reply.json() : [], why: access.trouble };
}

/** What stands in the way, if an answer says no; whatever it is, the next reading tries again. */
function troubleOf({ ok, status }) {
  if (ok) return undefined;
  return status === 429 ? `${limited}; trying again.` : `They cannot be read (${status}).`;
}
