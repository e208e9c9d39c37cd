import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MethodDefinition } from "@grpc/grpc-js";
import { loadGrpc } from "../../../../src/decisions/grpc/load-grpc.ts";
import { type Field, wire } from "../../../helpers/wire.ts";

const { authorization, processor, health } = loadGrpc().services;
const process = processor["Process"] as MethodDefinition<object, Read>;
const check = authorization["Check"] as MethodDefinition<object, Read>;
type Read = Record<string, unknown>;
const line = (key: string, value: string): Field[] => [
  [1, key],
  [2, value],
];

/**
 * The numbers are those of envoy/service/auth/v3/external_auth.proto and attribute_context.proto,
 * external_processor.proto, processing_mode.proto, envoy/config/core/v3/base.proto and address.proto, envoy/type/v3/http_status.proto, google/rpc/status.proto, and
 * grpc/health/v1/health.proto, written down by hand.
 */
describe("the messages of Envoy", () => {
  it("are read by their published numbers: CheckRequest", () => {
    const http: Field[] = [
      [1, "an id"],
      [2, "POST"],
      [3, line(":path", "/a")],
      [3, line("token", "é")],
      [4, "/a?b"],
      [5, "shop.example"],
      [6, "https"],
      [9, 12],
      [10, "HTTP/2"],
      [11, "a body"],
    ];
    const address: Field[] = [
      [1, 0],
      [2, "198.51.100.7"],
      [3, 4711],
    ];
    const source: Field[] = [
      [1, [[1, address]]],
      [4, "spiffe://a"],
    ];
    const request: Field[] = [
      [1, [[1, 1_700_000_000]]],
      [2, http],
    ];
    const bytes = wire([
      1,
      [
        [1, source],
        [2, source],
        [4, request],
        [10, line("a", "b")],
      ],
    ]);
    const { attributes } = check.requestDeserialize(bytes) as Read;
    assert.deepEqual(JSON.parse(JSON.stringify(attributes)), {
      source: { address: { socketAddress: { address: "198.51.100.7" } } },
      request: {
        http: {
          method: "POST",
          headers: { ":path": "/a", token: "é" },
          path: "/a?b",
          host: "shop.example",
          scheme: "https",
        },
      },
    });
    const raw = wire([
      1,
      [
        [
          4,
          [
            [
              2,
              [
                [
                  13,
                  [
                    [
                      1,
                      [
                        [1, "token"],
                        [3, Buffer.from([0xe9])],
                      ],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ],
      ],
    ]);
    const read = check.requestDeserialize(raw) as unknown as {
      attributes: { request: { http: { headerMap: { headers: { rawValue: Buffer }[] } } } };
    };
    const [only] = read.attributes.request.http.headerMap.headers;
    assert.deepEqual([...(only?.rawValue ?? [])], [0xe9]);
  });

  it("are read by their published numbers: ProcessingRequest", () => {
    const lines: Field[] = [
      [
        1,
        [
          [
            1,
            [
              [1, ":status"],
              [3, "200"],
            ],
          ],
        ],
      ],
    ];
    const read = (...fields: Field[]) =>
      JSON.parse(JSON.stringify(process.requestDeserialize(wire(...fields))));
    const map = {
      headers: [{ key: ":status", rawValue: JSON.parse(JSON.stringify(Buffer.from("200"))) }],
    };
    const body = { body: JSON.parse(JSON.stringify(Buffer.from("a"))), endOfStream: true };
    const shown: readonly [number, string, Field[], object][] = [
      [
        2,
        "requestHeaders",
        [
          [1, lines[0]?.[1] as Field[]],
          [3, 1],
        ],
        { headers: map, endOfStream: true },
      ],
      [3, "responseHeaders", [[1, lines[0]?.[1] as Field[]]], { headers: map }],
      [
        4,
        "requestBody",
        [
          [1, "a"],
          [2, 1],
        ],
        body,
      ],
      [
        5,
        "responseBody",
        [
          [1, "a"],
          [2, 1],
        ],
        body,
      ],
      [6, "requestTrailers", [[1, lines[0]?.[1] as Field[]]], { trailers: map }],
      [7, "responseTrailers", [[1, lines[0]?.[1] as Field[]]], { trailers: map }],
    ];
    for (const [number, name, fields, expected] of shown) {
      assert.deepEqual(read([number, fields]), { [name]: expected });
    }
    const attribute: Field[] = [
      [1, "envoy.filters.http.ext_proc"],
      [
        2,
        [
          [
            1,
            [
              [1, "source.address"],
              [2, [[3, "198.51.100.7:1"]]],
            ],
          ],
        ],
      ],
    ];
    const fields = { "source.address": { stringValue: "198.51.100.7:1" } };
    assert.deepEqual(read([9, attribute], [10, 1], [11, [[1, 2]]]), {
      attributes: { "envoy.filters.http.ext_proc": { fields } },
      observabilityMode: true,
    });
    assert.equal(process.path, "/envoy.service.ext_proc.v3.ExternalProcessor/Process");
  });

  it("are written by their published numbers: ProcessingResponse", () => {
    const write = (response: Read) => process.responseSerialize(response);
    const setHeaders = [
      { header: { key: "a", rawValue: Buffer.from([0xe9]) }, append: { value: false } },
    ];
    const option: Field[] = [
      [
        1,
        [
          [1, "a"],
          [3, Buffer.from([0xe9])],
        ],
      ],
      [2, [[1, 0]]],
    ];
    const headerMutation = { setHeaders, removeHeaders: ["b"] };
    const mutation: Field[] = [
      [1, option],
      [2, "b"],
    ];
    const sections: readonly [string, number][] = [
      ["requestHeaders", 1],
      ["responseHeaders", 2],
      ["requestBody", 3],
      ["responseBody", 4],
    ];
    for (const [section, number] of sections) {
      const written = write({ [section]: { response: { headerMutation } } });
      assert.deepEqual(written, wire([number, [[1, [[2, mutation]]]]]), section);
    }
    for (const [section, number] of [
      ["requestTrailers", 5],
      ["responseTrailers", 6],
    ] as const) {
      assert.deepEqual(write({ [section]: { headerMutation } }), wire([number, [[1, mutation]]]));
    }
    const immediateResponse = {
      status: { code: 401 },
      headers: { setHeaders },
      body: Buffer.from("no"),
      grpcStatus: { status: 16 },
      details: "why",
    };
    const modeOverride = { responseHeaderMode: 1, responseBodyMode: 3, responseTrailerMode: 2 };
    assert.deepEqual(
      write({ immediateResponse, modeOverride }),
      wire(
        [
          7,
          [
            [1, [[1, 401]]],
            [2, [[1, option]]],
            [3, "no"],
            [4, [[1, 16]]],
            [5, "why"],
          ],
        ],
        [
          9,
          [
            [2, 1],
            [4, 3],
            [6, 2],
          ],
        ],
      ),
    );
  });

  it("are written by their published numbers: CheckResponse, HealthCheckResponse", () => {
    const option: Field[] = [
      [1, line("x-user-id", "alice")],
      [2, [[1, 0]]],
    ];
    const header = { header: { key: "x-user-id", value: "alice" }, append: { value: false } };
    const ok = { headers: [header], headersToRemove: ["a"] };
    assert.deepEqual(
      check.responseSerialize({ status: { code: 0 }, okResponse: ok }),
      wire(
        [1, [[1, 0]]],
        [
          3,
          [
            [2, option],
            [5, "a"],
          ],
        ],
      ),
    );
    const denied = { status: { code: 401 }, headers: [header], body: "{}" };
    const status = { code: 16, message: "no" };
    assert.deepEqual(
      check.responseSerialize({ status, deniedResponse: denied }),
      wire(
        [
          1,
          [
            [1, 16],
            [2, "no"],
          ],
        ],
        [
          2,
          [
            [1, [[1, 401]]],
            [2, option],
            [3, "{}"],
          ],
        ],
      ),
    );
    assert.deepEqual(health["Check"]?.responseSerialize({ status: 1 }), wire([1, 1]));
    assert.equal(check.path, "/envoy.service.auth.v3.Authorization/Check");
    assert.equal(health["Watch"]?.path, "/grpc.health.v1.Health/Watch");
  });
});
