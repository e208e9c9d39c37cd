// Forms that look into a token and end sessions.
import { access, bearer, wrongSecret } from "./access.js";
import { element, find } from "./elements.js";
import { whole } from "./units.js";

async function post(path, body) {
  const headers = {
    ...bearer(find("secret").value),
    "content-type":
      typeof body === "string" ? "application/json" : "application/x-www-form-urlencoded",
  };
  const reply = await fetch(path, { method: "POST", headers, body });
  const text = await reply.text();
  const answer = text === "" ? {} : JSON.parse(text);
  if (reply.ok) return answer;
  if (reply.status === 401) throw new Error(wrongSecret);
  if (reply.status === 429)
    throw new Error("Too many requests; nothing was done. Try again in a second.");
  throw new Error(
    `${answer.error ?? reply.status}: ${answer.error_description ?? "no reason given"}`,
  );
}

function say(text, className = "") {
  const outcome = find("outcome");
  outcome.hidden = false;
  outcome.className = className;
  outcome.textContent = text;
}

const marks = { passed: "✓", failed: "✗", skipped: "–" };

function showExplanation({ passes, checks, header, payload }) {
  say(
    passes ? "✓ It would be let through." : "✗ It would be refused.",
    passes ? "passed" : "failed",
  );
  find("checks").replaceChildren(
    ...checks.map(({ check, verdict, detail }) => {
      const item = element("li", undefined, verdict);
      const mark = element("span", marks[verdict], "mark");
      mark.setAttribute("aria-label", verdict);
      mark.setAttribute("role", "img");
      item.append(mark, element("span", check, "name"), element("span", detail));
      return item;
    }),
  );
  find("token-header").textContent =
    header === undefined ? "" : JSON.stringify(header, undefined, 2);
  find("token-payload").textContent =
    payload === undefined ? "" : JSON.stringify(payload, undefined, 2);
  find("explanation").hidden = false;
}

async function onToken(action) {
  const form = new URLSearchParams({
    token: find("token")
      .value.trim()
      .replace(/^bearer\s+/i, ""),
  });
  if (action === "revoke") await post("revoke", form);
  showExplanation(await post("explain", form));
}

const counted = (count, one) => `${whole(count)} ${one}${count === 1 ? "" : "s"}`;

/** What this sidecar has seen of a subject, in a sentence. */
export function sessionsOf({ tokens: { live, revoked }, sessions, connections }) {
  return live + revoked === 0
    ? "This sidecar has seen no token of this subject that has not expired."
    : `Seen here: ${counted(sessions, "session")} with ${counted(live, "live token")}, ${counted(connections, "open connection")}; ${counted(revoked, "revoked token")}.`;
}

async function onSubject(action) {
  const issuer = find("issuer").value;
  const subject = find("subject").value;
  find("explanation").hidden = true;
  const body = JSON.stringify({ subject, ...(issuer !== "" && { issuer }) });
  if (action === "count") return say(sessionsOf(await post("sessions", body)));
  const { warning } = await post("revocations", body);
  if (warning !== undefined) return say(`Recorded, but ${warning}.`, "failed");
  say(`✓ Every token of ${subject} that was issued until now is refused.`, "passed");
}

/** Has the forms work; `refresh` is called when one has done something. */
export function listenToForms(refresh) {
  const onSubmit = (id, work) => {
    find(id).addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await work(event.submitter?.value);
        await refresh();
      } catch (error) {
        say(error.message, "failed");
      }
    });
  };
  find("secret").addEventListener("change", () => {
    access.typed = find("secret").value;
    access.isWrong = false;
    refresh();
  });
  onSubmit("secret-form", async () => find("token").focus());
  onSubmit("token-form", onToken);
  onSubmit("subject-form", onSubject);
}
