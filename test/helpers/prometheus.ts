import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram } from "../tools/programs.ts";
import { send } from "./http.ts";
import { freePort } from "./ports.ts";
import { startProgram } from "./program.ts";
import { temporaryDirectory } from "./temporary.ts";

/** One series of an answer: its labels, and its value at present. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

/** A Prometheus of a test's own. */
export interface TestPrometheus {
  readonly url: string;
  query(expression: string): Promise<readonly Sample[]>;
  /** Asks again until there is an answer that will do. */
  until(
    expression: string,
    suits: (samples: readonly Sample[]) => boolean,
  ): Promise<readonly Sample[]>;
  /** The alerts that are pending or firing, by name. */
  alerts(): Promise<readonly { readonly labels: Record<string, string>; readonly state: string }[]>;
}

/** Starts a real Prometheus that scrapes these addresses every second, with the rules of a file. */
export async function startPrometheus(
  t: TestContext,
  targets: readonly string[],
  rulesFile: string,
): Promise<TestPrometheus> {
  const directory = temporaryDirectory(t);
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [rulesFile],
    scrape_configs: [
      {
        job_name: "revgate",
        static_configs: [
          { targets: targets.map((target) => new URL(target).host), labels: { namespace: "shop" } },
        ],
      },
    ],
  };
  // YAML is a superset of JSON.
  const file = join(directory, "prometheus.yml");
  writeFileSync(file, JSON.stringify(config));
  const port = await freePort();
  const options = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(directory, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--log.level=error",
  ];
  const url = `http://127.0.0.1:${port}`;
  // It says nothing at this level: that it is ready has to be asked for.
  await startProgram(
    t,
    ["/bin/sh", "-c", 'echo started; exec "$@" >&2', "sh", findProgram(["prometheus"]), ...options],
    {},
    /started/,
  );
  while (
    !(await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await sleep(100);

  const ask = async (path: string) => (await send(`${url}/api/v1/${path}`)).json["data"];
  const query = async (expression: string) => {
    const data = await ask(`query?query=${encodeURIComponent(expression)}`);
    if (data === undefined) throw new Error(`Prometheus does not understand: ${expression}`);
    return (data as { result: Sample[] }).result;
  };
  return {
    url,
    query,
    async until(expression, suits) {
      for (;;) {
        const samples = await query(expression);
        if (suits(samples)) return samples;
        await sleep(200);
      }
    },
    alerts: async () => ((await ask("alerts")) as { alerts: [] }).alerts,
  };
}
