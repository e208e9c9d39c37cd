import type { ServerDuplexStream } from "@grpc/grpc-js";
import { recordOutcome } from "../../gateway/record.ts";
import { judgeProcessed } from "./conversation.ts";
import { beginAsked, codes, type FailCall, type GrpcService, notRead } from "./grpc-service.ts";
import { type AskedHead, linesOf, readHead } from "./header-lines.ts";
import { type ProcessingRequest, type ProcessingResponse, sectionOf } from "./processing.ts";
import { attributeOf, type Talk } from "./talk.ts";

type Call = ServerDuplexStream<ProcessingRequest, ProcessingResponse>;

/**
 * `envoy.service.ext_proc.v3.ExternalProcessor`: Envoy shows a request, waits, shows the application's answer, and waits
 * again. So the answer of a logout is held as by the proxy.
 *
 * Envoy lets a request pass if its stream ends without an error: it ends so only behind a decision.
 */
export function createProcessor(service: GrpcService): { readonly Process: (call: Call) => void } {
  return {
    Process(call) {
      let talk: Talk | undefined;
      let hasFailed = false;
      const fail: FailCall = (error) => {
        hasFailed = true;
        if (!call.cancelled) call.emit("error", error);
      };
      call.on("data", (message: ProcessingRequest) =>
        service.guard(fail, () => {
          if (hasFailed) return undefined;
          if (talk !== undefined) return talk.next(message);
          talk = begin(service, call, message, fail);
          return talk && judgeProcessed(talk);
        }),
      );
      const over = () => {
        if (talk === undefined || talk.isOver) return;
        talk.isOver = true;
        talk.onOver();
      };
      call.on("cancelled", over).on("error", over);
      call.on("end", () => {
        over();
        if (!hasFailed) call.end();
      });
    },
  };
}

/** Begins with the head of a request; undefined if it can't be told which one it is. */
function begin(
  service: GrpcService,
  call: Call,
  message: ProcessingRequest,
  fail: FailCall,
): Talk | undefined {
  const head = readFirst(message);
  if ("why" in head) {
    notRead(service, call, fail, head.why);
    return undefined;
  }
  const gate = service.gate();
  const address = attributeOf(message, "source.address")?.replace(/:\d+$/, "");
  const { visit, tooLong } = beginAsked(gate, head, { address, gateway: call.getPeer() });
  const talk: Talk = {
    ...{ gate, visit, tooLong, isOver: false },
    onOver: () => recordOutcome(gate, visit, "client_gone"),
    next(late) {
      const section = sectionOf(late);
      if (section !== undefined) talk.send({ [section]: {} });
      else fail({ code: codes.invalidArgument, details: "nothing is shown" });
    },
    send(response) {
      // What Envoy does not take would be kept for as long as it goes on talking.
      if (!talk.isOver && !call.write(response)) call.pause().once("drain", () => call.resume());
    },
    end() {
      talk.isOver = true;
      call.end();
    },
  };
  return talk;
}

function readFirst({ observabilityMode, requestHeaders }: ProcessingRequest): AskedHead {
  // Envoy would not wait for what it is told.
  if (observabilityMode === true) return { why: "observability_mode is set" };
  if (requestHeaders === undefined) return { why: "the head of the request is missing" };
  return readHead(linesOf(requestHeaders.headers ?? {}));
}
