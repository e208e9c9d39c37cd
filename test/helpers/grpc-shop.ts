import {
  Client,
  credentials,
  type Metadata,
  Metadata as MetadataOf,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { Ending } from "./shared.ts";

const same = (value: Buffer) => value;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/demo.Shop/${name}`,
  ...{ requestStream, responseStream },
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

/** A service of every kind of call, whose messages are plain bytes. */
const definition: ServiceDefinition = {
  Me: method("Me", false, false),
  Logout: method("Logout", false, false),
  Watch: method("Watch", false, true),
  Collect: method("Collect", true, false),
  Chat: method("Chat", true, true),
};

/** What reached the service. */
export interface GrpcShop {
  readonly port: number;
  /** The metadata of each call, in order. */
  readonly seen: readonly Metadata[];
  /** Calls that ended before they were answered. */
  readonly cancelled: () => number;
}

/** Starts a service with @grpc/grpc-js on a free port of loopback. `Logout` fails if it is told `fail`. */
export async function startGrpcShop(t: Ending): Promise<GrpcShop> {
  const server = new Server();
  const seen: Metadata[] = [];
  let cancelled = 0;
  const note = (call: {
    metadata: Metadata;
    on(event: "cancelled", heard: () => void): unknown;
  }) => {
    seen.push(call.metadata);
    call.on("cancelled", () => {
      cancelled += 1;
    });
  };
  server.addService(definition, {
    Me(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      note(call);
      const trailers = new MetadataOf();
      trailers.set("x-sum", "5");
      if (call.request.toString() !== "wait")
        done(null, Buffer.from(`me ${call.request}`), trailers);
    },
    Logout(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      note(call);
      if (call.request.toString() === "fail") done({ code: 9, details: "not now" });
      else done(null, Buffer.from("bye"));
    },
    Watch(call: ServerWritableStream<Buffer, Buffer>) {
      note(call);
      call.write(Buffer.from("first"));
    },
    Collect(call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      note(call);
      let count = 0;
      call.on("data", () => {
        count += 1;
      });
      call.on("end", () => done(null, Buffer.from(String(count))));
    },
    Chat(call: ServerDuplexStream<Buffer, Buffer>) {
      note(call);
      call.on("data", (message: Buffer) => call.write(message));
      call.on("end", () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  t.after(() => server.forceShutdown());
  return { port, seen, cancelled: () => cancelled };
}

/** Metadata with a token. */
export function metadataWith(token: string | undefined): Metadata {
  const metadata = new MetadataOf();
  if (token !== undefined) metadata.set("token", token);
  return metadata;
}

/** A client of that service. */
export function connectGrpc(t: Ending, port: number) {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.enable_retries": 0,
  });
  t.after(() => client.close());
  const paths = (name: string) => [`/demo.Shop/${name}`, same, same] as const;
  return {
    client,
    /** Resolves with what came back, or the error that did. */
    unary(name: string, token: string | undefined, message = "x", deadlineMs = 60_000) {
      return new Promise<{ error?: ServiceError; text: string; trailers: Metadata | undefined }>(
        (resolve) => {
          let text = "";
          let error: ServiceError | undefined;
          const call = client.makeUnaryRequest(
            ...paths(name),
            Buffer.from(message),
            metadataWith(token),
            { deadline: Date.now() + deadlineMs },
            (failed, value) => {
              if (failed !== null) error = failed;
              text = value?.toString() ?? "";
            },
          );
          call.on("status", ({ metadata }) =>
            resolve({ ...(error === undefined ? {} : { error }), text, trailers: metadata }),
          );
        },
      );
    },
    watch: (token: string) =>
      client.makeServerStreamRequest(...paths("Watch"), Buffer.from("x"), metadataWith(token)),
    collect: (token: string, done: (error: ServiceError | null, value?: Buffer) => void) =>
      client.makeClientStreamRequest(...paths("Collect"), metadataWith(token), done),
    chat: (token: string) => client.makeBidiStreamRequest(...paths("Chat"), metadataWith(token)),
  };
}
