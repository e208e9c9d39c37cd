import type { TestContext } from "node:test";
import type { Client, ClientDuplexStream, ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import { loadGrpc } from "../../src/decisions/grpc/load-grpc.ts";

const { grpc, services } = loadGrpc();

type Message = Record<string, unknown>;

/** Header lines of a message, in the form that has bytes. */
export function headerMap(lines: readonly (readonly [string, string])[]) {
  return {
    headers: lines.map(([key, value]) => ({ key, rawValue: Buffer.from(value, "latin1") })),
  };
}

/** What an answer sets, by name. */
export function setLines(
  options: readonly {
    header: { key: string; value?: string; rawValue?: Buffer };
    append?: unknown;
  }[],
): Record<string, string> {
  return Object.fromEntries(
    options.map(({ header: { key, value, rawValue } }) => [
      key,
      rawValue !== undefined && rawValue.length > 0 ? rawValue.toString("latin1") : (value ?? ""),
    ]),
  );
}

/** How a request is shown to `Check`. */
export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  /** `encode_raw_headers`. */
  readonly raw?: readonly (readonly [string, string])[];
  readonly host?: string;
  readonly source?: string;
  readonly scheme?: string;
}

/** A `CheckRequest` as Envoy makes one. */
export function checkRequest(method: string, path: string, asked: Asked = {}): Message {
  const { headers = {}, raw, host = "shop.example", source = "198.51.100.7" } = asked;
  const scheme = asked.scheme ?? "http";
  const pseudo = { ":method": method, ":path": path, ":authority": host, ":scheme": scheme };
  const lines = raw && [...Object.entries(pseudo), ...raw];
  return {
    attributes: {
      source: { address: { socketAddress: { address: source } } },
      request: {
        http: {
          ...{ method, path, host, scheme },
          ...(lines ? { headerMap: headerMap(lines) } : { headers: { ...pseudo, ...headers } }),
        },
      },
    },
  };
}

/** What Envoy gets from `Check`. */
export interface Checked {
  readonly code: number;
  /** What it does to the request, or answers: by name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
  readonly status: number | undefined;
  readonly body: string | undefined;
}

/** An Envoy, as far as it asks: a client of the published services. */
export interface Envoy {
  check(request: Message): Promise<Checked>;
  /** Whatever is answered. */
  call(service: keyof typeof services, method: string, request: Message): Promise<Message>;
  /** Watches the health of all services. */
  watchHealth(): { next(): Promise<unknown> };
  /** Begins to show a request. */
  process(): Processing;
  close(): void;
}

export interface EnvoyTls {
  readonly ca: Buffer;
  readonly key?: Buffer;
  readonly cert?: Buffer;
}

/** Opens a client; it ends with the test. */
export function openEnvoy(t: Pick<TestContext, "after">, port: number, tls?: EnvoyTls): Envoy {
  const credentials = tls
    ? grpc.credentials.createSsl(tls.ca, tls.key ?? null, tls.cert ?? null)
    : grpc.credentials.createInsecure();
  const clients = new Map<string, Client>();
  const clientOf = (service: keyof typeof services) => {
    const made = grpc.makeGenericClientConstructor(services[service], service);
    const options = { "grpc.use_local_subchannel_pool": 1, "grpc.enable_http_proxy": 0 };
    const client = clients.get(service) ?? new made(`127.0.0.1:${port}`, credentials, options);
    clients.set(service, client);
    return client as unknown as Record<string, (...args: unknown[]) => unknown>;
  };
  const close = () => {
    for (const client of clients.values()) client.close();
  };
  t.after(close);
  const call: Envoy["call"] = (service, method, request) =>
    new Promise((resolve, reject) => {
      const deadline = { deadline: Date.now() + 60_000 };
      const done = (error: ServiceError | null, response: Message) =>
        error ? reject(error) : resolve(response);
      clientOf(service)[method]?.(request, deadline, done);
    });
  return {
    call,
    close,
    async check(request) {
      const response = (await call("authorization", "Check", request)) as {
        status: { code?: number };
        okResponse?: { headers: Parameters<typeof setLines>[0]; headersToRemove?: string[] };
        deniedResponse?: {
          status: { code: number };
          headers: Parameters<typeof setLines>[0];
          body: string;
        };
      };
      const { okResponse, deniedResponse } = response;
      return {
        code: response.status.code ?? 0,
        headers: setLines((okResponse ?? deniedResponse)?.headers ?? []),
        remove: okResponse?.headersToRemove ?? [],
        status: deniedResponse?.status.code,
        body: deniedResponse?.body,
      };
    },
    watchHealth() {
      const watched = clientOf("health")["Watch"]?.({}) as ClientReadableStream<Message>;
      watched.on("error", () => {});
      const told = watched[Symbol.asyncIterator]();
      return { next: async () => ((await told.next()).value as Message)["status"] };
    },
    process: () =>
      processOver(clientOf("processor")["Process"]?.() as ClientDuplexStream<Message, Message>),
  };
}

/** A message of a talk, either way. */
export interface Processed {
  readonly requestHeaders?: { response?: { headerMutation: Mutation }; headers?: object };
  readonly responseHeaders?: object;
  readonly requestBody?: object;
  readonly responseBody?: object;
  readonly requestTrailers?: object;
  readonly responseTrailers?: { readonly headerMutation?: Mutation; readonly trailers?: object };
  readonly immediateResponse?: {
    readonly status: { readonly code: number };
    readonly headers: Mutation;
    readonly body: Buffer;
    readonly grpcStatus?: { readonly status: number };
  };
  readonly modeOverride?: {
    readonly responseHeaderMode?: number;
    readonly responseBodyMode?: number;
    readonly responseTrailerMode?: number;
  };
  readonly observabilityMode?: boolean;
}

interface Mutation {
  readonly setHeaders: Parameters<typeof setLines>[0];
  readonly removeHeaders?: readonly string[];
}

type Lines = readonly (readonly [string, string])[];

/** What Envoy shows of one request, and what it is told: one answer to each message. */
export interface Processing {
  tell(message: Processed): Promise<Processed>;
  request(method: string, path: string, headers: Lines): Promise<Processed>;
  response(
    status: number,
    headers?: Lines,
    shown?: { readonly more?: boolean; readonly details?: string | undefined },
  ): Promise<Processed>;
  body(body: string | Buffer, whole: boolean): Promise<Processed>;
  trailers(lines: Lines): Promise<Processed>;
  cancel(): void;
  end(): void;
  /** Resolves when revgate has ended it: `clean` means that the rest passes. */
  readonly ended: Promise<"clean" | Error>;
}

function processOver(stream: ClientDuplexStream<Message, Message>): Processing {
  const waiting: { resolve(reply: Processed): void; reject(error: Error): void }[] = [];
  stream.on("data", (reply: Processed) => waiting.shift()?.resolve(reply));
  const ended = new Promise<"clean" | Error>((resolve) => {
    stream.on("error", resolve).on("end", () => resolve("clean"));
  });
  void ended.then((how) => {
    const error = how === "clean" ? new Error("it has ended") : how;
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  const tell = (message: object) =>
    new Promise<Processed>((resolve, reject) => {
      waiting.push({ resolve, reject });
      stream.write(message as Message);
    });
  return {
    ...{ ended, tell, cancel: () => stream.cancel(), end: () => void stream.end() },
    request(method, path, headers) {
      const pseudo = [
        [":method", method],
        [":path", path],
        [":authority", "shop.example"],
        [":scheme", "http"],
      ] as const;
      return tell({ requestHeaders: { headers: headerMap([...pseudo, ...headers]) } });
    },
    response(status, headers = [], { more = false, details } = {}) {
      const lines = [[":status", String(status)], ...headers] as const;
      const fields =
        details === undefined ? {} : { "response.code_details": { stringValue: details } };
      return tell({
        responseHeaders: { headers: headerMap(lines), endOfStream: !more },
        attributes: { "envoy.filters.http.ext_proc": { fields } },
      });
    },
    body: (body, whole) => tell({ responseBody: { body: Buffer.from(body), endOfStream: whole } }),
    trailers: (lines) => tell({ responseTrailers: { trailers: headerMap(lines) } }),
  };
}
