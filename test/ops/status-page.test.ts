import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import type { AxeResults } from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { findProgram } from "../tools/programs.ts";

const secret = "a-secret-of-the-admins";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const now = () => Math.floor(Date.now() / 1000);

let browser: Browser;
before(async () => {
  browser = await chromium.launch({
    executablePath: findProgram(["chromium"]),
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"].concat(
      ["background-networking", "component-update", "sync"].map((name) => `--disable-${name}`),
    ),
  });
});
after(() => browser.close());

async function start(
  t: TestContext,
  yaml = "admin: { host: 127.0.0.1, port: 0, tokenFile: secret }",
) {
  const application = await startApplication(t);
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "secret"), secret);
  return startGate(t, { upstream: application.url, directory, yaml });
}

/** Opens the page; whatever the browser complains of, or asks for elsewhere, fails the test at its end. */
async function open(
  t: TestContext,
  gate: TestGate,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(gate.adminUrl)) complaints.push(`asked for ${request.url()}`);
  });
  t.after(async () => {
    await context.close();
    // An answer that says no is noted by the browser itself; it is what a test asked for. And the sidecar may
    // have been stopped by now.
    assert.deepEqual(
      complaints.filter((text) => !/status of (?:401|429|503)|net::ERR_CONNECTION/.test(text)),
      [],
    );
  });
  await page.goto(gate.adminUrl);
  await page.locator("#health.ready, #health.not-ready").waitFor();
  return page;
}

const statusOf = async (gate: TestGate, token: string) =>
  (await send(`${gate.url}/me`, { headers: { token } })).status;

/** Keys alone, from the top of the page to a control. */
async function tabTo(page: Page, id: string): Promise<void> {
  for (let i = 0; i < 40; i += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(`document.activeElement.matches("${id}")`)) return;
  }
  assert.fail(`${id} cannot be reached by keyboard`);
}

describe("the status page", () => {
  it("shows health, figures that move, refusals by reason and the latest revocations", async (t) => {
    const gate = await start(t);
    const page = await open(t, gate);
    assert.equal(await page.locator("#health").innerText(), "● ready");
    const token = makeToken();
    for (let i = 0; i < 20; i += 1) await statusOf(gate, token);
    await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
    await statusOf(gate, token);

    // Who logged out is told to the secret alone.
    await page.locator("#latest-empty", { hasText: "Type the admin secret" }).waitFor();
    await page.locator("#secret").fill("a wrong one, long enough");
    await page.locator("#secret").press("Tab");
    await page.locator("#latest-empty", { hasText: "not right" }).waitFor();
    await page.locator("#secret").fill(secret);
    await page.locator("#secret").press("Tab");
    const figure = (name: string) => page.locator(".figure", { hasText: name }).locator(".value");
    await page.locator("#latest tbody tr").waitFor();
    const [revoked] = await page.locator("#latest tbody tr").allInnerTexts();
    assert.match(revoked ?? "", /^\d\d:\d\d:\d\d\s+tok\s+[\w-]{8}…\s+\d\d-\d\d \d\d:\d\d$/);
    await page.locator("#refusals tbody tr").first().waitFor();
    const refusals = await page.locator("#refusals tbody tr").allInnerTexts();
    assert.match(refusals.join(), /^token_revoked\s/);
    // Of the time between two readings: they have to be there for a while.
    while (!/[1-9]/.test(await figure("Requests a second").innerText()))
      await statusOf(gate, token);
    while (!/µs|ms/.test(await figure("Added latency, p50").innerText()))
      await statusOf(gate, token);
    assert.equal(await figure("Revocations in memory").innerText(), "1");
    // The line of a figure has a point for each reading.
    const points = page.locator(".figure polyline").first();
    const count = async () => ((await points.getAttribute("points")) ?? "").split(" ").length;
    const before = await count();
    while ((await count()) <= before) await page.waitForTimeout(200);
  });

  it("says what is wrong: not ready, or a configuration that is not in force", async (t) => {
    const gate = await start(t);
    const page = await open(t, gate);
    await gate.reload(async () => {
      throw new Error("wrong");
    });
    await page.locator("#config:not([hidden])").waitFor();
    assert.match(await page.locator("#config").innerText(), /^Configuration: not reloaded/);
    await send(`${gate.adminUrl}/drain`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
    });
    await page.locator("#health.not-ready").waitFor();
    assert.equal(await page.locator("#health").innerText(), "▲ not ready: draining");
  });

  it("explains a token check by check, by keyboard alone, and keeps nothing of it", async (t) => {
    const gate = await start(t);
    const page = await open(t, gate);
    const token = makeToken({ sub: "alice", scope: "read" });
    await tabTo(page, "#secret");
    await page.keyboard.type(secret);
    await tabTo(page, "#token");
    await page.keyboard.insertText(`Bearer ${token}`);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.locator("#outcome.passed").waitFor();
    assert.equal(await page.locator("#outcome").innerText(), "✓ It would be let through.");
    assert.match(await page.locator("#token-payload").innerText(), /"scope": "read"/);
    assert.match(
      await page.locator("#checks").innerText(),
      /signature\s+right[\s\S]*denylist\s+not revoked/,
    );

    await page.fill("#token", makeToken({ iat: now() - 100, exp: now() - 50 }));
    await page.click("button[value=explain]");
    await page.locator("#checks .failed").waitFor();
    assert.match(await page.locator("#checks .failed").innerText(), /expiry\s+it has expired/);
    assert.equal(await page.locator("#outcome").innerText(), "✗ It would be refused.");

    const kept = await page.evaluate(
      "[localStorage.length, sessionStorage.length, document.cookie]",
    );
    assert.deepEqual(kept, [0, 0, ""]);
    assert.equal(page.url(), `${gate.adminUrl}/`);
    for (const hidden of [token, secret]) assert.ok(!gate.logged().includes(hidden));
    assert.match(
      (await send(`${gate.adminUrl}/metrics`)).text,
      /^revgate_signature_checks_total 0$/m,
    );
  });

  it("revokes a token, and all of a subject", async (t) => {
    const gate = await start(t);
    const page = await open(t, gate);
    const iat = now() - 10;
    const [first, second, other] = [
      makeToken({ sub: "alice", iat }),
      makeToken({ sub: "alice", iat }),
      makeToken({ sub: "bob", iat }),
    ];
    await page.fill("#secret", secret);
    await page.fill("#token", first);
    await page.click("button[value=revoke]");
    await page.locator("#checks .failed").waitFor();
    assert.match(await page.locator("#checks .failed").innerText(), /denylist\s+revoked by tok/);
    assert.deepEqual([await statusOf(gate, first), await statusOf(gate, second)], [401, 200]);

    await page.fill("#subject", "alice");
    await page.keyboard.press("Enter");
    await page.locator("#outcome.passed").waitFor();
    assert.match(await page.locator("#outcome").innerText(), /Every token of alice/);
    assert.equal(await page.locator("#explanation").isVisible(), false, "it was of another token");
    assert.deepEqual([await statusOf(gate, second), await statusOf(gate, other)], [401, 200]);
  });

  it("says so if no token that was seen can have ended", async (t) => {
    const gate = await start(t);
    const page = await open(t, gate);
    const nobody = makeToken({ sub: undefined, user: { id: 42 } });
    assert.equal(await statusOf(gate, nobody), 200);
    await page.fill("#secret", secret);
    await page.fill("#subject", "42");
    await page.keyboard.press("Enter");
    await page.locator("#outcome.failed").waitFor();
    assert.match(
      await page.locator("#outcome").innerText(),
      /Recorded, but none of the 1 tokens seen .* carries a subject \(tokens\.subjectClaim\)/,
    );
    assert.equal(await statusOf(gate, nobody), 200);
  });

  it("says so where the secret is wrong, and ends nothing", async (t) => {
    const gate = await start(t);
    const page = await open(t, gate);
    const token = makeToken();
    await page.fill("#secret", "guessed");
    await page.fill("#token", token);
    await page.click("button[value=revoke]");
    await page.locator("#outcome.failed").waitFor();
    assert.equal(await page.locator("#outcome").innerText(), "The admin secret is not right.");
    assert.equal(await statusOf(gate, token), 200);
  });

  it("says that it is limited, and tries again, while others at its address guess secrets", async (t) => {
    const gate = await start(t);
    const page = await open(t, gate);
    const guess = { method: "POST", headers: { authorization: "Bearer guessed" } };
    let stopped = false;
    t.after(() => {
      stopped = true;
    });
    const guesses = Array.from({ length: 8 }, async () => {
      while (!stopped) await send(`${gate.adminUrl}/drain`, guess);
    });
    await page.fill("#secret", "a wrong one, long enough");
    await page.locator("#secret").press("Tab");
    // Until one reading is limited: some of them may be answered.
    await page.evaluate(`(async () => {
      while (!document.querySelector("#latest-empty").textContent.endsWith("trying again.")) {
        isWrong = false;
        await refresh();
      }
    })()`);
    stopped = true;
    await Promise.all(guesses);
    await page.locator("#latest-empty", { hasText: "The admin secret is not right." }).waitFor();
  });

  it("has no forms where no secret is configured", async (t) => {
    const gate = await start(t, "");
    const page = await open(t, gate);
    assert.equal(await page.locator("#token").isVisible(), false);
    assert.match(await page.locator("#sessions").innerText(), /Set admin\.tokenFile/);
  });

  it("shows a hostile token as text", async (t) => {
    const gate = await start(t);
    const page = await open(t, gate);
    await page.fill("#secret", secret);
    await page.fill(
      "#token",
      makeToken({ sub: "<img src=x onerror=alert(1)>", iss: "</pre><script>" }),
    );
    await page.click("button[value=explain]");
    await page.locator("#explanation:not([hidden])").waitFor();
    assert.equal(await page.locator("img").count(), 0);
    assert.match(await page.locator("#token-payload").innerText(), /<img src=x/);
  });

  for (const [name, options] of [
    ["in the light", { colorScheme: "light" }],
    ["in the dark", { colorScheme: "dark" }],
    ["on a phone", { viewport: { width: 320, height: 640 } }],
  ] as const) {
    it(`can be used ${name}: nothing beside the screen, and what axe finds is nothing`, async (t) => {
      const gate = await start(t);
      const token = makeToken();
      await send(`${gate.url}/logout`, { method: "POST", headers: { token } });
      const page = await open(t, gate, options);
      await page.fill("#secret", secret);
      await page.fill("#token", token);
      await page.click("button[value=explain]");
      await page.locator("#explanation:not([hidden])").waitFor();
      const [wanted, width] = (await page.evaluate(
        "[document.documentElement.scrollWidth, innerWidth]",
      )) as [number, number];
      assert.ok(wanted <= width, `${wanted} > ${width}`);
      await page.evaluate(axe);
      const { violations } = (await page.evaluate("axe.run()")) as AxeResults;
      assert.deepEqual(
        violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]),
        [],
      );
    });
  }
});

/** What the page's own script declares, as it is seen from within the page. */
declare const parse: (text: string) => { at: number };
declare const rate: (now: unknown, was: unknown, name: string) => number | undefined;
declare const quantile: (now: unknown, was: unknown, name: string, wanted: number) => number;
declare const refusals: (now: unknown, was: unknown) => [outcome: string, a: number, all: number][];
declare const showRefusals: (now: unknown) => void;
declare const showFigures: (now: unknown) => void;
declare const histories: readonly number[][];
declare const seconds: (number: number) => string;
declare const bytes: (number: number) => string;
declare const perSecond: (number: number) => string;

describe("the page's figures", () => {
  it("are what Prometheus would make of the same series", async (t) => {
    const page = await open(t, await start(t));
    const series = (count: number, ...[least, middle, all]: number[]) =>
      `c ${count}\nh_bucket{le="0.1"} ${least}\nh_bucket{le="0.2"} ${middle}\nh_bucket{le="+Inf"} ${all}\n`;
    const texts = [series(100, 100, 100, 100), series(150, 105, 110, 120)] as const;
    const figures = await page.evaluate(([before, after]) => {
      const was = { ...parse(before), at: 5000 };
      const now = { ...parse(after), at: 15_000 };
      return {
        // (The second as after a restart, with which counters begin anew.)
        rates: [
          rate(now, was, "c"),
          rate({ ...was, at: 25_000 }, now, "c"),
          rate(now, undefined, "c"),
        ],
        quantiles: [0.125, 0.25, 0.375, 0.5, 0.9].map((wanted) => quantile(now, was, "h", wanted)),
        none: quantile(now, now, "h", 0.5),
      };
    }, texts);
    assert.deepEqual(figures.rates, [5, 0, undefined]);
    const rounded = figures.quantiles.map((value) => Number(value.toFixed(6)));
    assert.deepEqual(rounded, [0.05, 0.1, 0.15, 0.2, 0.2]);
    assert.equal(figures.none, undefined);
  });

  it("are drawn for the last sixty readings", async (t) => {
    const page = await open(t, await start(t));
    const lengths = await page.evaluate(() => {
      for (let i = 0; i < 70; i += 1) showFigures(parse(""));
      return [...new Set(histories.map(({ length }) => length))];
    });
    assert.deepEqual(lengths, [60]);
  });

  it("are written with the units that fit", async (t) => {
    const page = await open(t, await start(t));
    const written = await page.evaluate(() => [
      ...[Number.POSITIVE_INFINITY, 0, 1.54, 0.0123, 0.00045].map((number) => seconds(number)),
      ...[0, 999, 1500, 2.5e6, 2.5e9, 3e12].map((number) => bytes(number)),
      ...[0.04, 99.94, 1234.4].map((number) => perSecond(number)),
    ]);
    assert.deepEqual(written, [
      ...["never read", "–", "1.5 s", "12.3 ms", "450 µs"],
      ...["0 B", "999 B", "1.5 KB", "2.5 MB", "2.5 GB", "3000.0 GB"],
      ...["0.0", "99.9", "1,234"],
    ]);
  });

  it("count as refusals what was refused, the most frequent first", async (t) => {
    const page = await open(t, await start(t));
    const series = (counts: Record<string, number>) =>
      Object.entries(counts)
        .map(([outcome, count]) => `revgate_requests_total{outcome="${outcome}"} ${count}\n`)
        .join("");
    const texts = [
      series({ token_missing: 1, token_revoked: 4 }),
      series({
        ...{ forwarded: 90, preflight_answered: 80, token_missing: 3, token_expired: 0 },
        ...{ token_revoked: 24, token_invalid: 7 },
      }),
    ] as const;
    const counted = await page.evaluate(([before, after]) => {
      const was = { ...parse(before), at: 0 };
      const now = { ...parse(after), at: 10_000 };
      showRefusals(now);
      return refusals(now, was).map(([outcome, each]) => [outcome, each]);
    }, texts);
    assert.deepEqual(counted, [
      ...[["token_missing", 0.2] as const, ["token_expired", 0] as const],
      ...[["token_revoked", 2] as const, ["token_invalid", 0] as const],
    ]);
    const rows = await page.locator("#refusals tbody tr td:first-child").allInnerTexts();
    assert.deepEqual(rows, ["token_revoked", "token_invalid", "token_missing"]);
  });

  it("say when nobody answers, ask for nothing unseen, and repeat nothing to who listens", async (t) => {
    const page = await open(t, await start(t));
    const seen = await page.evaluate(`(async () => {
      const text = document.querySelector("#health .text");
      const changes = [];
      const observer = new MutationObserver((records) => changes.push(...records));
      observer.observe(text, { childList: true, characterData: true, subtree: true });
      await refresh();
      await refresh();
      const repeated = changes.length;
      let asked = 0;
      window.fetch = async () => {
        asked += 1;
        throw new Error("gone");
      };
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      await refresh();
      const unseen = asked;
      Object.defineProperty(document, "hidden", { value: false });
      await refresh();
      return { repeated, unseen, asks: asked > 0, text: text.textContent };
    })()`);
    assert.deepEqual(seen, {
      ...{ repeated: 0, unseen: 0, asks: true },
      text: "not ready: no answer",
    });
  });
});

describe("what the page is sent with", () => {
  it("lets nothing in from elsewhere, and nobody frame it", async (t) => {
    const gate = await start(t);
    const { headers, text } = await send(gate.adminUrl);
    const policy = String(headers["content-security-policy"]);
    assert.match(
      policy,
      /^default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; connect-src 'self';/,
    );
    assert.match(policy, /base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/);
    assert.ok(!/unsafe|https?:/.test(policy));
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal((await send(gate.adminUrl, { method: "HEAD" })).status, 200);
    assert.notEqual((await send(gate.adminUrl, { method: "POST" })).status, 200);
    assert.ok(!/(?:src|href)=/.test(text), "everything is in the page");
  });
});
