import type { ServerInterceptingCall, ServerInterceptor, ServiceDefinition } from "@grpc/grpc-js";
import { maxHeaderLines } from "../../gateway/framing.ts";
import { codes } from "./grpc-service.ts";
import type { LoadedGrpc } from "./load-grpc.ts";
import { measureMessage, type Shape } from "./message-size.ts";

/** How much a message may have, and who is told of one that has more. */
export interface BoundedMessagesOptions {
  /** Bytes besides those of bodies. */
  readonly maxBytes: number;
  readonly onRefused: (peer: string, why: string) => void;
}

const headers: Shape = { 1: { 1: {} } };
const body: Shape = { 1: "body" };
/** Where header lines and bodies stand, by the paths of the methods; of other messages the bytes count alone. */
const shapes: Readonly<Record<string, Shape>> = {
  "/envoy.service.auth.v3.Authorization/Check": { 1: { 4: { 2: { 3: {}, 13: { 1: {} } } } } },
  "/envoy.service.ext_proc.v3.ExternalProcessor/Process": {
    ...{ 2: headers, 3: headers, 4: body, 5: body, 6: headers, 7: headers },
  },
};
/** A head with more lines than clients may send is refused by name; far beyond, its message is. */
const maxFields = 4 * maxHeaderLines;

const unreadable = "its message can't be read";

/** A service whose messages reach the interceptor as they came. */
export function undecoded(definition: ServiceDefinition): ServiceDefinition {
  const methods = Object.entries(definition).map(([name, method]) => [
    name,
    { ...method, requestDeserialize: (bytes: Buffer) => bytes },
  ]);
  return Object.fromEntries(methods) as ServiceDefinition;
}

/**
 * Decodes the messages of `undecoded` services that are not too much: protobufjs makes objects of everything in a message, in one turn of
 * the event loop.
 */
export function boundMessages(
  { grpc, services }: LoadedGrpc,
  { maxBytes, onRefused }: BoundedMessagesOptions,
): ServerInterceptor {
  const decoders = new Map(
    Object.values(services)
      .flatMap((definition) => Object.values(definition))
      .map(({ path, requestDeserialize }) => [path, requestDeserialize]),
  );
  return ({ path }, call): ServerInterceptingCall => {
    const { remoteAddress = "unknown" } = call.getConnectionInfo();
    return new grpc.ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMessage(message: Buffer, pass) {
            const refuse = (code: number, why: string) => {
              onRefused(remoteAddress, why);
              call.sendStatus({ code, details: why });
            };
            const why = whyTooMuch(message, shapes[path] ?? {}, maxBytes);
            if (why !== undefined) return refuse(codes.resourceExhausted, why);
            let decoded: unknown;
            try {
              decoded = decoders.get(path)?.(message);
            } catch {
              // gRPC would not catch it here, and the call would stay open.
              return refuse(codes.invalidArgument, unreadable);
            }
            pass(decoded);
          },
        }),
    });
  };
}

function whyTooMuch(message: Buffer, shape: Shape, maxBytes: number): string | undefined {
  const size = measureMessage(message, shape);
  if (size === undefined) return unreadable;
  if (size.bytes > maxBytes) return `its message has more than ${maxBytes} bytes besides a body`;
  return size.fields > maxFields ? `its message has more than ${maxFields} fields` : undefined;
}
