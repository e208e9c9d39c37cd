import assert from "node:assert/strict";
import { startApplication, type TestApplication } from "../../helpers/application.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { defineAttacks, type Gatekeeper, type Vector } from "../attack.ts";
import { exchange, head } from "../exchange.ts";

interface Site {
  readonly gate: Gatekeeper;
  /** One that believes a proxy on loopback. */
  readonly trusting: Gatekeeper;
  readonly application: TestApplication;
}

/** What the application got, as `name: value`, the name in lower case. */
async function receivedThrough(
  { application }: Site,
  gate: Gatekeeper,
  more: readonly string[],
): Promise<readonly string[]> {
  const before = application.seen.length;
  await exchange(gate.port, head("GET /me HTTP/1.1", [`token: ${makeToken()}`, ...more]));
  const raw = application.seen[before]?.rawHeaders ?? [];
  return raw.flatMap((name, i) => (i % 2 === 0 ? [`${name.toLowerCase()}: ${raw[i + 1]}`] : []));
}

const spoofed: [string, string][] = [
  ["X-Forwarded-For", "oathkeeper 36a676e4; CWE-348"],
  ["x_forwarded_for", "CVE-2025-64484, GHSA-5m6w-wvh7-57vm"],
  ["X-Forwarded_For", "CVE-2025-64484"],
  ["X-Forwarded-Host", "oathkeeper 36a676e4"],
  ["X_Forwarded_Host", "CVE-2025-64484"],
  ["X-Forwarded-Proto", "oathkeeper e9acca14"],
  ["X-Forwarded-Port", "oathkeeper 36a676e4"],
  ["X-Forwarded-Prefix", "GHSA-6384-m2mw-rf54"],
  ["X-Forwarded-Uri", "CVE-2026-40575"],
  ["X-Forwarded-Method", "CVE-2026-40575"],
  ["X-Forwarded-User", "CVE-2025-64484"],
  ["X-Forwarded-Email", "GHSA-c5c4-8r6x-56w3"],
  ["X-Forwarded-Groups", "CVE-2025-64484"],
  ["X-Forwarded-Access-Token", "CVE-2025-64484"],
  ["X-Forwarded-Client-Cert", "CVE-2024-45410"],
  ["X-Forwarded-Tls-Client-Cert", "CVE-2024-45410"],
  ["Forwarded", "RFC 7239 section 8.1"],
  ["X-Real-IP", "CWE-348"],
  ["X_Real_IP", "CVE-2025-64484"],
  ["X-Original-URL", "CVE-2026-40575; CVE-2018-14773"],
  ["X-Rewrite-URL", "CVE-2018-14773"],
  ["X-Original-URI", "nginx auth_request; CVE-2026-40575"],
  ["X-Original-Method", "nginx auth_request"],
  ["X-Original-Host", "CVE-2026-40575"],
  ["X_Original_URL", "CVE-2025-64484"],
];

/** They end at each hop (RFC 9110 section 7.6.1). */
const hopByHop = [
  "Keep-Alive: timeout=evil",
  "Proxy-Connection: evil",
  "Proxy-Authorization: Basic evil",
  "Proxy-Authenticate: evil",
  "TE: trailers, evil",
  "Trailer: evil",
];

function spoof(name: string, source: string): Vector<Site> {
  return {
    name: `a client that says ${name}`,
    source,
    async attempt(site) {
      const received = await receivedThrough(site, site.gate, [`${name}: evil`]);
      assert.ok(received.length > 0, "did not arrive");
      assert.ok(!received.some((line) => line.includes("evil")), received.join("\n"));
    },
  };
}

const refusedHeads: [string, string, readonly string[]][] = [
  ["token twice", "RFC 9110 section 5.3; FIELD 19", [`token: ${makeToken()}`]],
  ["token and tOKEN", "RFC 9110 section 5.1", [`tOKEN: ${makeToken()}`]],
  ["Host twice", "RFC 9112 section 3.2", ["Host: b"]],
  ["Expect twice", "RFC 9110 section 10.1.1", ["Expect: 100-continue", "Expect: 100-continue"]],
];

export const headers = defineAttacks<Site>({
  name: "Header smuggling and spoofing",
  advisories: ["CVE-2025-64484", "GHSA-5m6w-wvh7-57vm", "GHSA-6384-m2mw-rf54", "CVE-2024-45410"],
  async open(t, place) {
    const application = await startApplication(t);
    const yaml = "listen: { host: 127.0.0.1, port: 0, trustedProxies: [127.0.0.1] }";
    return {
      application,
      gate: await place(t, { upstream: application.url }),
      trusting: await place(t, { upstream: application.url, yaml }),
    };
  },
  vectors: [
    ...spoofed.map(([name, source]) => spoof(name, source)),
    ...hopByHop.map(
      (line): Vector<Site> => ({
        name: line,
        source: "RFC 9110 section 7.6.1",
        async attempt(site) {
          const received = await receivedThrough(site, site.gate, [line]);
          assert.ok(received.length > 0, "did not arrive");
          assert.ok(!received.some((text) => text.includes("evil")), received.join("\n"));
        },
      }),
    ),
    ...refusedHeads.map(
      ([name, source, more]): Vector<Site> => ({
        name,
        source,
        async attempt(site) {
          assert.deepEqual(await receivedThrough(site, site.gate, more), []);
        },
      }),
    ),
    {
      name: "Connection that nominates what revgate sets",
      source: "CVE-2024-45410",
      async attempt(site) {
        const nominated =
          "X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-Id, token";
        const received = await receivedThrough(site, site.gate, [
          `Connection: close, ${nominated}`,
        ]);
        for (const name of nominated.toLowerCase().split(", ")) {
          assert.ok(
            received.some((line) => line.startsWith(`${name}: `)),
            name,
          );
        }
      },
    },
    {
      name: "an id of the request that would break a log line",
      source: "CWE-117",
      async attempt(site) {
        const received = await receivedThrough(site, site.gate, [
          'X-Request-Id: a" evil',
          "x_request_id: evil",
        ]);
        assert.ok(!received.some((line) => line.includes("evil")), received.join("\n"));
      },
    },
    {
      name: "a trusted proxy's words are kept, and extended",
      source: "allowed: RFC 7239 section 5, for peers in trustedProxies",
      async attempt(site) {
        const received = await receivedThrough(site, site.trusting, [
          "X-Forwarded-For: 192.0.2.1",
          "Forwarded: for=192.0.2.1",
          "X-Forwarded-Proto: https",
        ]);
        assert.ok(received.includes("x-forwarded-for: 192.0.2.1, 127.0.0.1"));
        assert.ok(received.includes("x-forwarded-proto: https"));
        const forwarded = received.filter((line) => line.startsWith("forwarded: "));
        assert.equal(forwarded.length, 1);
        assert.match(forwarded[0] ?? "", /^forwarded: for=192\.0\.2\.1, for=127\.0\.0\.1;/);
      },
    },
    {
      name: "an underscore spelling through a trusted proxy",
      source: "CVE-2025-64484",
      async attempt(site) {
        const received = await receivedThrough(site, site.trusting, ["X_Forwarded_For: evil"]);
        assert.ok(received.length > 0, "did not arrive");
        assert.ok(!received.some((line) => line.includes("evil")), received.join("\n"));
      },
    },
  ],
});
