/** A header line of a message; `raw_value` has bytes that need be no UTF-8. */
export interface HeaderValue {
  readonly key?: string;
  readonly value?: string;
  readonly rawValue?: Buffer;
}

/** Header lines in their order. */
export interface HeaderMap {
  readonly headers?: readonly HeaderValue[];
}

/** A header line to be set; `append: { value: false }` overwrites. */
export interface HeaderValueOption {
  readonly header: HeaderValue;
  readonly append: { readonly value: boolean };
}

/** `envoy.service.auth.v3.CheckRequest`, as far as it is read. */
export interface CheckRequest {
  readonly attributes?: {
    readonly source?: {
      readonly address?: { readonly socketAddress?: { readonly address?: string } };
    };
    readonly request?: { readonly http?: AskedRequest };
  };
}

/** The request that a `CheckRequest` is about. */
export interface AskedRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: string;
  readonly headerMap?: HeaderMap;
}

/** `envoy.service.auth.v3.CheckResponse`, as far as it is written. */
export interface CheckResponse {
  readonly status: { readonly code: number; readonly message?: string };
  readonly okResponse?: {
    readonly headers: readonly HeaderValueOption[];
    readonly headersToRemove: readonly string[];
  };
  readonly deniedResponse?: {
    readonly status: { readonly code: number };
    readonly headers: readonly HeaderValueOption[];
    readonly body: string;
  };
}
