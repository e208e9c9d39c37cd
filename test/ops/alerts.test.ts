import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { startApplication } from "../helpers/application.ts";
import { repository } from "../helpers/program.ts";
import { startPrometheus } from "../helpers/prometheus.ts";
import { until } from "../helpers/until.ts";
import {
  applicationIsStrange,
  diskIsFull,
  issuerIsAway,
  isThrottled,
  logoutsPend,
  machineIsWild,
  observes,
  redisIsSlow,
  redisIsStrange,
} from "./conditions.ts";

const rulesFile = join(repository, "k8s/monitoring/revgate.rules.yaml");

describe("alerts in a real Prometheus", () => {
  it("are raised by their conditions, not before, and last as long as those", async (t) => {
    const { url: upstream } = await startApplication(t);
    const conditions = [
      await issuerIsAway(t, upstream),
      await logoutsPend(t, upstream),
      await redisIsStrange(t, upstream),
      await diskIsFull(t, upstream),
      await machineIsWild(t, upstream),
      await applicationIsStrange(t),
      await redisIsSlow(t),
      await observes(t, upstream),
      await isThrottled(t, upstream),
    ];
    const targets = conditions.map(({ gate }) => gate.adminUrl);
    const prometheus = await startPrometheus(t, targets, rulesFile);
    /** The wanted ones that are not pending or firing. */
    const missing = async () => {
      const active = await prometheus.alerts();
      return conditions.flatMap(({ alerts, gate }) => {
        const { host } = new URL(gate.adminUrl);
        const isActive = (alert: string) =>
          active.some(
            ({ labels: { alertname, instance = host } }) =>
              alertname === alert && instance === host,
          );
        return alerts.filter((alert) => !isActive(alert));
      });
    };
    await prometheus.until(
      "count(up == 1)",
      ([sample]) => sample?.value[1] === `${targets.length}`,
    );
    const early = ["RevgateObserving", "RevgateLogLinesDropped", "RevgateEventLoop"];
    const wanted = conditions.flatMap(({ alerts }) => alerts);
    assert.deepEqual(
      wanted.filter((alert) => !early.includes(alert)),
      (await missing()).filter((alert) => !early.includes(alert)),
      "nothing has happened yet",
    );

    let lasts = true;
    const work = conditions.map(async ({ begin, go }) => {
      await begin?.();
      while (lasts && go !== undefined) {
        await go().catch(() => {});
        await sleep(100);
      }
    });
    t.after(() => {
      lasts = false;
      return Promise.all(work);
    });
    await until(async () => (await missing()).length === 0);
    // One may be away for a moment, if a scrape took longer than a second. One that resolves stays away.
    for (let count = 0; count < 3; count += 1) {
      await sleep(2000);
      await until(async () => (await missing()).length === 0);
    }
    lasts = false;
    await Promise.all(work);

    // Nothing is left that could be scraped.
    await Promise.all(conditions.map(({ stop }) => stop()));
    await until(async () =>
      (await prometheus.alerts()).some(({ labels }) => labels["alertname"] === "RevgateAbsent"),
    );
  });

  it("are all driven by a test", () => {
    const files = ["alerts.test.ts", "conditions.ts", "monitoring.test.ts"].map((name) =>
      readFileSync(join(repository, "test/ops", name), "utf8"),
    );
    const { rules } = parse(readFileSync(rulesFile, "utf8")).groups[0];
    for (const { alert } of rules as { alert: string }[])
      assert.ok(
        files.some((text) => text.includes(`"${alert}"`)),
        alert,
      );
  });
});
