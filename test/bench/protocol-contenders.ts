import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { loadGrpc } from "../../src/decisions/grpc/load-grpc.ts";
import { checkRequest } from "../helpers/envoy.ts";
import { freePort } from "../helpers/ports.ts";
import { searchProgram } from "../tools/programs.ts";
import { type Http2Proxy, http2Proxies, nginxForGrpc } from "./contenders/http2-proxies.ts";
import { missing, startRevgate } from "./contenders.ts";
import { type Sent, type Way, ways } from "./h2load.ts";
import { end, launch, makeDirectory, type Started } from "./processes.ts";

/** One that is measured; each start is a new process. */
export interface ProtocolContender {
  readonly name: string;
  readonly ways: readonly Way[];
  readonly sent: Sent;
  /** The same without a token: whoever checks must answer otherwise. Undefined: it checks nothing. */
  readonly refused?: Sent;
  start(): Promise<Started>;
}

/** The names of revgate, by what it is sent. */
export const names = {
  forwards: "revgate",
  grpc: "revgate, gRPC unary",
  decides: "revgate asked by HTTP",
  authorizes: "revgate asked by ext_authz",
} as const;

/** All of them, and rows for those whose packages are not here. */
export function listProtocols(
  token: string,
  application: string,
  service: string,
): readonly [contenders: readonly ProtocolContender[], lacking: readonly (readonly string[])[]] {
  const [sent, refused] = [{ token }, {}].map((headers) => ({ path: "/me", headers }));
  const [call, refusedCall] = [{ token }, {}].map((headers) => callWith(headers, "/shop/Get"));
  if (!sent || !refused || !call || !refusedCall) throw new Error("nothing is sent");
  const { eightStreams, http1, oneStream } = ways;
  const both = [oneStream, eightStreams];
  const revgate = (more: string) => startRevgate(application, undefined, { more });
  const asked = async (question: string) => {
    const decisions = `decisions: { host: 127.0.0.1, port: 0, question: ${question} }`;
    const started = await revgate(decisions);
    return { ...started, url: started.decisionsUrl ?? "" };
  };
  const questions = {
    forwarded: { "x-forwarded-method": "GET", "x-forwarded-uri": "/me", "x-forwarded-host": "a" },
  };
  const proxies = [
    ...http2Proxies.map((proxy) => ({ proxy, to: application, sent, ways: both })),
    {
      ...{ proxy: nginxForGrpc, to: service, sent: call, ways: [eightStreams] },
    },
  ];
  const found = proxies.filter(({ proxy }) => searchProgram([proxy.program]) !== undefined);
  const lacking = proxies.filter((each) => !found.includes(each));
  for (const { proxy } of lacking) missing(proxy.name, [proxy.package]);
  return [
    [
      {
        ...{ name: names.forwards, ways: [http1, ...both], sent, refused },
        start: () => revgate(""),
      },
      {
        ...{ name: names.grpc, ways: [eightStreams], sent: call, refused: refusedCall },
        start: () => startRevgate(service),
      },
      {
        ...{ name: names.decides, ways: [http1] },
        sent: { path: "/", headers: { ...questions.forwarded, token } },
        refused: { path: "/", headers: questions.forwarded },
        start: () => asked("forwarded"),
      },
      {
        ...{ name: names.authorizes, ways: [eightStreams] },
        ...{ sent: checkWith({ token }), refused: checkWith({}) },
        start: () => asked("ext_authz"),
      },
      ...found.map(({ proxy, to, ...rest }) => ({
        ...{ name: proxy.name, ...rest },
        start: () => startProxy(proxy, to),
      })),
    ],
    lacking.map(({ proxy }) => [proxy.name, `missing: apt-get install ${proxy.package}`, ""]),
  ];
}

/** A unary call of gRPC with a message of 64 bytes. */
function callWith(
  headers: Readonly<Record<string, string>>,
  path: string,
  message: Buffer = Buffer.alloc(64),
): Sent {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const own = { "content-type": "application/grpc", te: "trailers" };
  return { path, headers: { ...own, ...headers }, body: Buffer.concat([prefix, message]) };
}

/** What Envoy asks about a request with these headers. */
function checkWith(headers: Readonly<Record<string, string>>): Sent {
  const check = loadGrpc().services.authorization["Check"];
  if (check === undefined) throw new Error("there is no Check");
  const message = check.requestSerialize(checkRequest("GET", "/me", { headers }));
  return callWith({}, check.path, message);
}

async function startProxy(proxy: Http2Proxy, to: string): Promise<Started> {
  const port = await freePort();
  const upstreamPort = Number(new URL(to).port);
  const options = proxy.configure({ port, upstreamPort, directory: makeDirectory() });
  const child = launch(0, [searchProgram([proxy.program]) ?? "", ...options]);
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(" ")} ended`);
    await sleep(10);
  }
  return { pid: child.pid ?? 0, url: `http://127.0.0.1:${port}`, stop: () => end(child) };
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const reached = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  return reached;
}
