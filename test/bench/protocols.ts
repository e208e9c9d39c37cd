import { http2Proxies, nginxForGrpc } from "./contenders/http2-proxies.ts";
import { cpuOfLoad, prepareLoad, sendLoad, type Way, ways } from "./h2load.ts";
import { median, ratio, type Started, script, start } from "./processes.ts";
import { listProtocols, names, type ProtocolContender } from "./protocol-contenders.ts";
import type { Part, Verdict } from "./report.ts";

/** How long and how often. */
export interface ProtocolsPlan {
  readonly rounds: number;
  readonly warmUp: number;
  readonly measured: number;
}

type Costs = ReadonlyMap<string, readonly number[]>;

/**
 * What HTTP/2, gRPC and the gateways' port cost beside forwarding over HTTP/1.1, all sent by h2load with one right token,
 * and plain proxies for HTTP/2 that check nothing.
 */
export async function measureProtocols(token: string, plan: ProtocolsPlan): Promise<Part> {
  const application = await start(1, script("contenders/application"));
  const service = await start(1, script("contenders/grpc-application"));
  const [contenders, lacking] = listProtocols(token, application.url, service.url);
  const costs = new Map<string, number[]>();
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const contender of contenders) {
      const started = await contender.start();
      for (const way of contender.ways) {
        const cost = await measureOne(contender, started, way, plan);
        const row = rowOf(contender, way);
        costs.set(row, [...(costs.get(row) ?? []), cost]);
      }
      await started.stop();
    }
  }
  for (const one of [application, service]) await one.stop();
  return {
    figures: {
      title: `CPU of a request by protocol (h2load, one token), ${plan.rounds} processes, of each ${plan.measured} requests after ${plan.warmUp}`,
      columns: ["contender", "µs", "spread"],
      rows: [...[...costs].map(([row, each]) => [row, ...spreadOf(each)]), ...lacking],
    },
    verdicts: verdictsOn(costs),
  };
}

/** Nobody is measured who does not do the work. */
async function measureOne(
  { name, sent, refused }: ProtocolContender,
  started: Started,
  way: Way,
  { warmUp, measured }: ProtocolsPlan,
): Promise<number> {
  const load = prepareLoad(sent);
  const bytes = await sendLoad(started.url, load, { amount: 1, way });
  if (refused !== undefined) {
    const unchecked = sendLoad(started.url, prepareLoad(refused), { amount: 1, way });
    if ((await unchecked.catch(() => undefined)) === bytes) {
      throw new Error(`${name}: a request without a token is answered like one with it`);
    }
  }
  await sendLoad(started.url, load, { amount: warmUp, way });
  return cpuOfLoad(started, load, { amount: measured, way, bytes });
}

function rowOf({ name }: Pick<ProtocolContender, "name">, way: Way): string {
  return `${name}: ${way.name}`;
}

function spreadOf(values: readonly number[]): [middle: string, spread: string] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return [median(values).toFixed(1), `${least.toFixed(1)} to ${most.toFixed(1)}`];
}

function verdictsOn(costs: Costs): Verdict[] {
  const { http1, oneStream, eightStreams } = ways;
  const forwarded = costs.get(rowOf({ name: names.forwards }, http1)) ?? [];
  const compare = (
    what: string,
    name: string,
    way: Way,
    { to = forwarded, most }: { to?: readonly number[] | undefined; most?: number } = {},
  ): Verdict[] => {
    const of = costs.get(rowOf({ name }, way));
    if (of === undefined || to.length === 0) return [];
    const verdict = { what: `CPU: ${what}`, measured: ratio(of, to) };
    return [most === undefined ? verdict : { ...verdict, target: { most } }];
  };
  const other = (name: string) => costs.get(rowOf({ name }, eightStreams)) ?? [];
  return [
    ...compare("HTTP/2, one stream a connection ÷ HTTP/1.1", names.forwards, oneStream),
    ...compare("HTTP/2, eight streams a connection ÷ HTTP/1.1", names.forwards, eightStreams, {
      most: 1.3,
    }),
    ...compare("gRPC unary ÷ HTTP/1.1", names.grpc, eightStreams, { most: 2 }),
    ...compare("a decision over HTTP ÷ a forwarded request", names.decides, http1, { most: 0.6 }),
    ...compare("a decision over ext_authz ÷ a forwarded request", names.authorizes, eightStreams, {
      most: 0.6,
    }),
    ...http2Proxies.flatMap(({ name }) =>
      compare(`HTTP/2, eight streams: revgate ÷ ${name}`, names.forwards, eightStreams, {
        to: other(name),
      }),
    ),
    ...compare(`gRPC unary: revgate ÷ ${nginxForGrpc.name}`, names.grpc, eightStreams, {
      to: other(nginxForGrpc.name),
    }),
  ];
}
