import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import type { AxeResults } from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { startApplication } from "../helpers/application.ts";
import { launchChromium } from "../helpers/chromium.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { startRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { repository } from "../tools/repository.ts";

const secret = "a-secret-of-the-admins";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const now = () => Math.floor(Date.now() / 1000);

let browser: Browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

async function start(
  t: TestContext,
  yaml = "admin: { host: 127.0.0.1, port: 0, tokenFile: secret }",
) {
  const application = await startApplication(t, (request, response) => {
    if (request.url === "/stream") response.write("open\n");
    else response.end("ok");
  });
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

/** That axe finds nothing, and that a screen reader is told of each plot what it shows. */
async function checkAccessible(page: Page): Promise<void> {
  await page.evaluate(axe);
  const { violations } = (await page.evaluate("axe.run()")) as AxeResults;
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]),
    [],
  );
  const plots = await page.getByRole("img", { name: /ago to now: / }).count();
  assert.ok(plots >= 3, `${plots} plots`);
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
    assert.equal(await page.locator("#health").innerText(), "● Protecting");
    assert.match(await page.locator("#proof").innerText(), /^Without Redis: the journal/);
    assert.deepEqual(await page.locator("#troubles li").allInnerTexts(), []);
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
    const figure = (name: string) => page.locator(".figure", { hasText: name }).locator("dd");
    const line = (plot: string, name: string) =>
      page.locator(".plot", { hasText: plot }).locator(".key", { hasText: name }).locator(".value");
    await page.locator("#latest tbody tr").waitFor();
    const [revoked] = await page.locator("#latest tbody tr").allInnerTexts();
    assert.match(revoked ?? "", /^\d\d:\d\d:\d\d\s+tok\s+[\w-]{8}…\s+\d\d-\d\d \d\d:\d\d$/);
    await page.locator("#outcomes tbody tr", { hasText: "token_revoked" }).waitFor();
    // Of the time between two readings: they have to be there for a while.
    while (!/[1-9]/.test(await line("Requests", "refused").innerText()))
      await statusOf(gate, token);
    while (!/µs|ms/.test(await line("Latency", "added, p50").innerText()))
      await statusOf(gate, token);
    assert.equal(await figure("Revocations in memory").innerText(), "1");
    assert.match(
      String(await page.locator("#timeline svg").getAttribute("aria-label")),
      /^Revocations and cut connections, per minute, .*60 min ago to now: revocations 1, /,
    );
    // A line has a point for each reading.
    const points = page.locator(".plot polyline").first();
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
    const trouble = (section: string) => page.locator("#troubles li", { hasText: section });
    await trouble("RevgateConfigRejected").waitFor();
    assert.match(
      await trouble("RevgateConfigRejected").locator(".text").innerText(),
      /^Configuration: not reloaded/,
    );
    await send(`${gate.adminUrl}/drain`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
    });
    await page.locator("#health.not-ready").waitFor();
    assert.equal(await page.locator("#health").innerText(), "▲ Not ready");
    await trouble("RevgateNotReady").waitFor();
    assert.equal(await trouble("RevgateNotReady").locator(".text").innerText(), "draining");
    await page.getByRole("link", { name: "RevgateConfigRejected" }).click();
    await page.waitForURL(`${gate.adminUrl}/runbook#revgateconfigrejected`);
    await page.locator("h3:target", { hasText: "RevgateConfigRejected" }).waitFor();
    const colour = await page.evaluate("getComputedStyle(document.querySelector(':target')).color");
    assert.notEqual(colour, await page.evaluate("getComputedStyle(document.body).color"));
  });

  it("shows the fleet and the age of the proof, and that Redis is away", async (t) => {
    const redis = await startRedis(t);
    const yaml = `denylist: { dataDir: data, redis: { url: "${redis.url}" } }`;
    const [gate, other] = [await start(t, yaml), await start(t, yaml)];
    for (const each of [gate, other]) await untilReady(each);
    const page = await open(t, gate);
    await page.locator("#proof", { hasText: /\(limit 150 ms\)/ }).waitFor();
    await page.locator("#fleet tbody tr", { hasText: "other 1" }).waitFor();
    assert.match(await page.locator("#fleet-note").innerText(), /^2 sidecars heard/);
    await other.stop();
    await page.locator("#fleet-note", { hasText: "1 sidecar heard" }).waitFor();
    await page.locator(".plot", { hasText: "Proof of memory" }).locator(".limit").first().waitFor();
    await redis.kill();
    await page.locator("#fleet-note", { hasText: "Redis is away" }).waitFor();
    await page.locator("#health.not-ready").waitFor();
    await page.locator("#troubles li", { hasText: "RevgateRefusesWithoutStore" }).waitFor();
    await page.locator("#proof", { hasText: "requests ask Redis" }).waitFor();
    await checkAccessible(page);
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

    const stream = await fetch(`${gate.url}/stream`, { headers: { token: second } });
    t.after(() => stream.body?.cancel().catch(() => {}));
    await page.fill("#subject", "alice");
    // By keyboard it is the harmless one.
    await page.keyboard.press("Enter");
    const counts = page.locator("#outcome", { hasText: "Seen here" });
    await counts.waitFor();
    assert.equal(
      await counts.innerText(),
      "Seen here: 1 session with 1 live token, 1 open connection; 1 revoked token.",
    );
    assert.equal(await statusOf(gate, second), 200, "counting ends nothing");
    await page.click("button[value=end]");
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
    await page.click("button[value=end]");
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
        access.isWrong = false;
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
      await checkAccessible(page);
    });
  }
});

/** What the page's own script declares, as it is seen from within the page; and the page. */
declare const document: {
  querySelectorAll(selector: string): Iterable<{ readonly textContent: string }>;
};
declare const parse: (text: string) => { at: number };
declare const rate: (now: unknown, was: unknown, name: string) => number | undefined;
declare const quantile: (now: unknown, was: unknown, name: string, wanted: number) => number;
type Reading = { at: number };
declare const outcomes: (now: unknown, was: unknown) => [outcome: string, a: number, all: number][];
declare const refusedRate: (now: unknown, was: unknown) => number | undefined;
declare const showOutcomes: (now: unknown, was: unknown) => void;
declare const findTroubles: (
  now: Reading,
  was: Reading | undefined,
  readiness: object,
) => [string, string][];
declare const troubles: readonly [section: string, says: unknown][];
declare const roundUp: (number: number, unit?: number) => number;
declare const decades: (
  numbers: readonly number[],
  range: { lowest: number; least: number; withZero?: boolean },
) => { ticks: number[]; at: (number: number) => number };
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

  it("are drawn for two minutes, each where its time is", async (t) => {
    const page = await open(t, await start(t));
    const drawn = (await page.evaluate(`(() => {
      for (const list of histories) list.length = 0;
      for (let i = 0; i <= 70; i += 1)
        showFigures({ ...parse("c 1"), at: i * 2000 }, undefined, { stalenessLimitSeconds: 0 });
      const line = document.querySelector(".plot:nth-child(3) polyline");
      const points = line.getAttribute("points").split(" ");
      return { kept: histories.map(({ length }) => length), ends: [points[0], points.at(-1)] };
    })()`)) as { kept: number[]; ends: string[] };
    assert.deepEqual(drawn.kept, [61, 61, 61]);
    assert.deepEqual(drawn.ends, ["0.00,100.00", "100.00,100.00"]);
  });

  it("lie on round scales, from zero or by powers of ten", async (t) => {
    const page = await open(t, await start(t));
    const scales = await page.evaluate(() => {
      const times = decades([0.0004, 0.3], { lowest: -5, least: -2 });
      const counts = decades([0, 3, 12_000], { lowest: 0, least: 1, withZero: true });
      return {
        tops: [0, 0.3, 1, 3, 7, 20, 21, 480].map((number) => roundUp(number)),
        ...{ times: times.ticks.length, timeAt: times.at(1), counts: counts.ticks },
        countsAt: [0, 1, 10, 100_000].map(counts.at),
      };
    });
    assert.deepEqual(scales.tops, [1, 1, 1, 5, 10, 20, 50, 500]);
    assert.deepEqual([scales.times, scales.timeAt], [6, 1]);
    assert.deepEqual(scales.counts, [100_000, 10_000, 1000, 100, 10, 1, 0]);
    assert.deepEqual(
      scales.countsAt.map((at) => Number(at.toFixed(3))),
      [0, 0.167, 0.333, 1],
    );
  });

  it("are written with the units that fit", async (t) => {
    const page = await open(t, await start(t));
    const written = await page.evaluate(() => [
      ...[Number.POSITIVE_INFINITY, 0, 1.54, 0.0123, 0.15, 0.00045, 600, 10_000].map(seconds),
      ...[0, 999, 1500, 2.5e6, 2.5e9, 3e12].map((number) => bytes(number)),
      ...[0.04, 99.94, 1234.4].map((number) => perSecond(number)),
    ]);
    assert.deepEqual(written, [
      ...["never", "0 s", "1.5 s", "12.3 ms", "150 ms", "450 µs", "10 min", "3 h"],
      ...["0 B", "999 B", "1.5 KB", "2.5 MB", "2.5 GB", "3000.0 GB"],
      ...["0.0", "99.9", "1,234"],
    ]);
  });

  it("count as refused what was refused, and list all outcomes, the most frequent first", async (t) => {
    const page = await open(t, await start(t));
    const series = (counts: Record<string, number>) =>
      Object.entries(counts)
        .map(([outcome, count]) => `revgate_requests_total{outcome="${outcome}"} ${count}\n`)
        .join("");
    const texts = [
      series({ token_missing: 1, token_revoked: 4, client_gone: 1 }),
      series({
        ...{ forwarded: 90, preflight_answered: 80, token_missing: 3, token_expired: 0 },
        ...{ token_revoked: 24, token_invalid: 7, client_gone: 11, cut: 5 },
      }),
    ] as const;
    const counted = await page.evaluate(([before, after]) => {
      const was = { ...parse(before), at: 0 };
      const now = { ...parse(after), at: 10_000 };
      showOutcomes(now, was);
      // Read at once: the next reading of the page itself shows others.
      const cells = document.querySelectorAll("#outcomes tbody tr td:first-child");
      return {
        rows: [...cells].map(({ textContent }) => textContent),
        rates: outcomes(now, was).map(([outcome, each]) => [outcome, each]),
        refused: [refusedRate(now, was), refusedRate(now, undefined)],
      };
    }, texts);
    assert.deepEqual(counted.rates, [
      ...[["forwarded", 0] as const, ["preflight_answered", 0] as const],
      ...[["token_missing", 0.2] as const, ["token_expired", 0] as const],
      ...[["token_revoked", 2] as const, ["token_invalid", 0] as const],
      ...[["client_gone", 1] as const, ["cut", 0] as const],
    ]);
    assert.deepEqual(counted.refused, [2.2, undefined]);
    assert.deepEqual(counted.rows, [
      ...["forwarded", "preflight_answered", "token_revoked", "client_gone"],
      ...["token_invalid", "cut", "token_missing"],
    ]);
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
      text: "No answer",
    });
  });
});

/** What the page should find wrong in which series, each of two readings ten seconds apart. */
const wrong: readonly (readonly [section: string, now: string, text: RegExp])[] = [
  ["RevgateObserving", "revgate_observing 1", /no request is refused/],
  ["RevgateLogoutsPending", "revgate_outbox_pending 3", /3 revocations/],
  ["RevgateJournalFailing", "revgate_journal_failing 1", /cannot be written/],
  ["RevgateJournalLost", "revgate_journal_losses_total 1", /1 time since/],
  ["RevgateClockInDoubt", "revgate_clock_trusted 0\nrevgate_clock_difference_seconds 7", /by 7 s/],
  ["RevgateRedisRefuses", 'revgate_redis_failure{cause="noperm"} 1', /noperm/],
  ["RevgateRefusesWithoutStore", "revgate_redis_up 0\nrevgate_redis_staleness_seconds 9", /503/],
  ["RevgateMemoryUnproven", "revgate_redis_up 1\nrevgate_redis_staleness_seconds 9", /9 s ago/],
  ["RevgateMemoryUnproven", "revgate_redis_up 1\nrevgate_redis_staleness_seconds +Inf", /not been/],
  ["RevgateRefusesWithoutKeys", 'revgate_requests_total{outcome="keys_unavailable"} 1', /keys/],
  ["RevgateApplicationFailing", 'revgate_requests_total{outcome="upstream_busy"} 9', /0\.9 req/],
  ["RevgateApplicationQueue", "revgate_upstream_queue 1", /^1 request wait/],
  ["RevgateSubjectsNotFound", "revgate_subjects_not_found_total 1", /1 success named/],
  ["RevgateSubjectsKept", "revgate_subjects_kept_total 2", /2 resets/],
  ["RevgateTokensWithoutSubject", "revgate_tokens_without_subject_total 2", /2 requests/],
  ["RevgateUnprovenRefused", "revgate_unproven_revocations_refused_total 1", /unprovenRev/],
  ["RevgateSignalsFailed", 'revgate_signals_total{result="failed"} 1', /1 event of/],
  ["RevgateUncaughtErrors", 'revgate_uncaught_errors_total{door="admin"} 1', /a bug/],
  [
    "RevgateSlowChecks",
    'revgate_check_duration_seconds_bucket{le="0.1"} 9\nrevgate_check_duration_seconds_bucket{le="+Inf"} 9',
    /waits 99 ms/,
  ],
  [
    "RevgateSlowHolds",
    'revgate_hold_duration_seconds_bucket{le="5"} 9\nrevgate_hold_duration_seconds_bucket{le="+Inf"} 9',
    /takes 5 s|takes 4\.\d s/,
  ],
  ["RevgateSignaturesWait", 'revgate_signature_check_waits_total{result="turn"} 200', /20\.0 new/],
  ["RevgateInvalidTokens", 'revgate_requests_total{outcome="token_invalid"} 100', /10\.0 req/],
  ["RevgateRevokedHandedOut", "revgate_revoked_tokens_handed_out_total 1", /1 revoked token /],
  ["RevgateAdminStrangers", 'revgate_admin_refused_total{reason="secret"} 90', /9\.0 requests/],
  ["RevgateForeignData", 'revgate_ignored_total{source="feed"} 1', /1 item/],
  ["RevgateCutoffsAhead", "revgate_cutoffs_ahead_total 1", /1 cut-off of the future/],
  ["RevgateLogLinesDropped", "revgate_log_lines_dropped_total 4", /4 log lines/],
  ["RevgateClockSteps", "revgate_clock_steps_total 3", /3 times/],
  ["RevgateEventLoop", "nodejs_eventloop_lag_p99_seconds 0.3", /lags 300 ms/],
  [
    "RevgateCertificateEnds",
    `revgate_certificate_expiry_timestamp_seconds ${now() + 5.5 * 86_400}`,
    /in 5 days/,
  ],
];

describe("what the page says is wrong", () => {
  it("has a section in the runbook, and is an alert's", async (t) => {
    const page = await open(t, await start(t));
    const sections = await page.evaluate(() => troubles.map(([section]) => section));
    const rules = readFileSync(join(repository, "k8s/monitoring/revgate.rules.yaml"), "utf8");
    await page.goto(new URL("/runbook", page.url()).href);
    for (const section of sections) {
      assert.equal(await page.locator(`#${section.toLowerCase()}`).count(), 1, section);
      assert.ok(rules.includes(`alert: ${section}\n`), section);
      assert.ok(
        wrong.some(([tried]) => tried === section),
        `${section}: tried`,
      );
    }
  });

  it("follows from the series that the alerts look at, and from nothing else", async (t) => {
    const page = await open(t, await start(t));
    const found = await page.evaluate(
      (texts) => {
        const lag = "nodejs_eventloop_lag_p99_seconds";
        const was = { ...parse(`${lag} 0.3`), at: 0 };
        const ready = { status: "ready" };
        const found = texts.map((text) => findTroubles({ ...parse(text), at: 10_000 }, was, ready));
        // What the start took is in the first reading.
        for (const before of [undefined, { ...parse(`${lag} 0.2`), at: 0 }]) {
          found.push(findTroubles({ ...parse(`${lag} 0.3`), at: 10_000 }, before, ready));
        }
        return found;
      },
      [...wrong.map(([, text]) => text), "revgate_clock_trusted 1"],
    );
    for (const [index, [section, , text]] of wrong.entries()) {
      assert.deepEqual(
        found[index]?.map(([each]) => each),
        [section],
      );
      assert.match(found[index]?.[0]?.[1] ?? "", text, section);
    }
    assert.deepEqual(found.slice(wrong.length), [[], [], []]);
  });

  it("has the reasons of /readyz, also of one that is ready", async (t) => {
    const page = await open(t, await start(t));
    const found = await page.evaluate(() => {
      const now = { ...parse(""), at: 0 };
      return [
        { status: "not_ready", reason: "starting" },
        { status: "ready", reason: "the keys of https://id.example are old" },
        { status: "ready", reason: "revocations cannot be sent" },
      ].map((readiness) => findTroubles(now, now, readiness));
    });
    assert.deepEqual(found, [
      [["RevgateNotReady", "starting"]],
      [["RevgateKeySetOld", "Ready, but: the keys of https://id.example are old"]],
      [["RevgateMemoryUnproven", "Ready, but: revocations cannot be sent"]],
    ]);
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
    assert.ok(!/src=|href="(?!runbook"|metrics")/.test(text), "everything is in the page");
    const runbook = await send(`${gate.adminUrl}/runbook`);
    const [, , ...rest] = String(runbook.headers["content-security-policy"]).split("; ");
    assert.deepEqual(rest, ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]);
    assert.ok(!/src=|href="(?!#|\.\/")/.test(runbook.text), "everything is in the runbook");
  });
});
