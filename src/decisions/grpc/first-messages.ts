import type { ServerInterceptingCall, ServerInterceptor } from "@grpc/grpc-js";
import { networkOf } from "../../platform/network.ts";
import { createPlaces } from "../../platform/places.ts";
import { codes } from "./grpc-service.ts";
import type { LoadedGrpc } from "./load-grpc.ts";

/** How long a call may be without its first message, and who is told of one that had to end for it. */
export interface FirstMessageOptions {
  readonly timeoutMs: number;
  readonly onCrowded: (peer: string, why: string) => void;
}

/** Calls that may be without their first message; beyond it the network with the most loses its oldest. */
export const maxUnasked = 1024;

/**
 * Ends calls that do not come to their question: until its first message is whole, gRPC keeps what has come of it,
 * and nothing else looks at the call.
 */
export function limitFirstMessages(
  { ServerInterceptingCall: Intercepted }: LoadedGrpc["grpc"],
  { timeoutMs, onCrowded }: FirstMessageOptions,
): ServerInterceptor {
  const takePlace = createPlaces(() => maxUnasked);
  return (_method, call): ServerInterceptingCall => {
    const { remoteAddress = "unknown" } = call.getConnectionInfo();
    let isWaiting = true;
    const end = (why: string) => {
      if (!isWaiting) return;
      arrive();
      onCrowded(remoteAddress, why);
      call.sendStatus({ code: codes.deadlineExceeded, details: why });
    };
    const timer = setTimeout(() => end("the first message has not come in time"), timeoutMs);
    const place = takePlace(networkOf(remoteAddress), () =>
      end("too many calls without their first message"),
    );
    const arrive = () => {
      isWaiting = false;
      clearTimeout(timer);
      place?.leave();
    };
    return new Intercepted(call, {
      start: (next) =>
        next({
          onReceiveMessage(message, pass) {
            arrive();
            pass(message);
          },
          onReceiveHalfClose(pass) {
            arrive();
            pass();
          },
          onCancel: arrive,
        }),
    });
  };
}
