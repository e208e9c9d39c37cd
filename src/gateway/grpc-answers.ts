import { type FieldLines, fieldValues, type HeaderList } from "../http/field-lines.ts";
import {
  encodeGrpcDetails,
  encodeGrpcMessage,
  type GrpcForm,
  grpcStatus,
  grpcWebForm,
  isGrpcAnswer,
  isGrpcType,
  trailersInBody,
  writeWebTrailers,
} from "../http/grpc.ts";
import type { WholeAnswer } from "../node-http/whole-answers.ts";
import type { HeldResponse } from "../upstream/held-response.ts";
import { refusals } from "./refusals.ts";
import type { SuccessReading } from "./success.ts";
import type { RefusalReason } from "./verdict.ts";

/** What a refusal is in gRPC, by its status in HTTP. */
const statuses: Readonly<Record<(typeof refusals)[RefusalReason]["status"], number>> = {
  400: grpcStatus.invalidArgument,
  401: grpcStatus.unauthenticated,
  403: grpcStatus.unauthenticated,
  408: grpcStatus.unavailable,
  431: grpcStatus.resourceExhausted,
  500: grpcStatus.internal,
  502: grpcStatus.unavailable,
  503: grpcStatus.unavailable,
  504: grpcStatus.unavailable,
};

/** Whether a request is a call of gRPC, which HTTP/2 alone carries. */
export function isGrpcCall(
  request: { readonly httpVersion: string },
  headers: HeaderList,
): boolean {
  return request.httpVersion === "2" && isGrpcType(headers.first("content-type"));
}

/** How a client of gRPC has to be answered; undefined: the request is no call, in no form. */
export function grpcFormOf(
  request: { readonly httpVersion: string },
  headers: HeaderList,
): GrpcForm | undefined {
  return isGrpcCall(request, headers) ? "http2" : grpcWebForm(headers.first("content-type"));
}

/** The trailers that end a call for a reason. */
export function grpcTrailers(reason: RefusalReason, message: string): FieldLines {
  const code = statuses[refusals[reason].status];
  return [
    ...["grpc-status", String(code), "grpc-message", encodeGrpcMessage(message)],
    ...["grpc-status-details-bin", encodeGrpcDetails(code, message, reason)],
  ];
}

/**
 * A refusal of a call: a head, and nothing behind it. In gRPC-Web it is a body of trailers: a page of another
 * origin can't read headers that it was not granted.
 */
export function grpcRefusal(reason: RefusalReason, message: string, form: GrpcForm): WholeAnswer {
  const trailers = grpcTrailers(reason, message);
  if (form === "http2") {
    const headers = ["content-type", "application/grpc", ...trailers];
    return { status: 200, reason: "OK", headers, body: "" };
  }
  const body = writeWebTrailers(trailers, form);
  const type = ["Content-Type", `application/grpc-${form}+proto`];
  const headers = [...type, "Content-Length", String(body.length), "Cache-Control", "no-store"];
  return { status: 200, reason: "OK", headers, body };
}

function statusesIn(lines: FieldLines): string[] {
  return fieldValues(lines, "grpc-status").map((value) => value.trim());
}

/**
 * What a call's answer says of its success; undefined if it is no answer to one. The body is read up to `maxBytes`.
 *
 * Clients differ in which status they go by if there are several, in what they take for a number, and in whether a
 * status of HTTP counts beside it. None of them may take for done what is not revoked: such an answer can't be read.
 */
export function readGrpcSuccess(
  response: HeldResponse,
  maxBytes: number,
): Promise<SuccessReading> | undefined {
  const { status, headers } = response;
  if (!isGrpcAnswer(headers)) return undefined;
  return response.readBody(maxBytes).then((body) => {
    if (body === undefined) return "unknown";
    const sections = [headers, response.trailers(), trailersInBody(headers, body)];
    const said = new Set(sections.flatMap(statusesIn));
    if (said.size === 0 && status !== 200) return "failure";
    const [code = "", ...more] = said;
    if (more.length > 0) return "unknown";
    if (code === "0") return "success";
    return /^[1-9]\d*$/.test(code) ? "failure" : "unknown";
  });
}
