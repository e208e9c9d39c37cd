import type { HeaderMap, HeaderValueOption } from "./messages.ts";

/** What Envoy can show of a request and its answer. */
export const sections = [
  "requestHeaders",
  "responseHeaders",
  "requestBody",
  "responseBody",
  "requestTrailers",
  "responseTrailers",
] as const;
/** One of them; what is said of it has the same name. */
export type Section = (typeof sections)[number];

/** A head: `:status`, `:path` and the like are lines of it. */
export interface HttpHeaders {
  readonly headers?: HeaderMap;
  /** Nothing follows: no body, no trailers. */
  readonly endOfStream?: boolean;
}

/** A body, or as much of it as Envoy could keep. */
export interface HttpBody {
  readonly body?: Buffer;
  /** It is whole, and no trailers follow. */
  readonly endOfStream?: boolean;
}

/** `envoy.service.ext_proc.v3.ProcessingRequest`, as far as it is read. */
export interface ProcessingRequest {
  readonly requestHeaders?: HttpHeaders;
  readonly responseHeaders?: HttpHeaders;
  readonly requestBody?: HttpBody;
  readonly responseBody?: HttpBody;
  readonly requestTrailers?: { readonly trailers?: HeaderMap };
  readonly responseTrailers?: { readonly trailers?: HeaderMap };
  readonly attributes?: Readonly<
    Record<
      string,
      { readonly fields?: Readonly<Record<string, { readonly stringValue?: string }>> }
    >
  >;
  readonly observabilityMode?: boolean;
}

/** Which part of a message is there. */
export function sectionOf(message: ProcessingRequest): Section | undefined {
  return sections.find((section) => message[section] !== undefined && message[section] !== null);
}

/** How headers or trailers change. */
export interface HeaderMutation {
  readonly setHeaders: readonly HeaderValueOption[];
  readonly removeHeaders?: readonly string[];
}

/** What Envoy is to show from here on; body modes that are not named are NONE. */
export interface ModeOverride {
  readonly responseHeaderMode?: number;
  readonly responseBodyMode?: number;
  readonly responseTrailerMode?: number;
}

/** Values of `ProcessingMode`. A body that is too long for Envoy comes in part, instead of an error for the client. */
export const modes = { send: 1, skip: 2, bufferedPartial: 3 } as const;

/** `envoy.service.ext_proc.v3.ProcessingResponse`, as far as it is written. */
export interface ProcessingResponse
  extends Readonly<
    Partial<
      Record<
        Section,
        {
          readonly response?: { readonly headerMutation: HeaderMutation };
          readonly headerMutation?: HeaderMutation;
        }
      >
    >
  > {
  readonly immediateResponse?: {
    readonly status: { readonly code: number };
    readonly headers: HeaderMutation;
    readonly body: Buffer;
    readonly grpcStatus?: { readonly status: number };
    readonly details: string;
  };
  readonly modeOverride?: ModeOverride;
}
