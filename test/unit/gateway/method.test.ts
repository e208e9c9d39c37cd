import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { methodReadings } from "../../../src/gateway/method.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

describe("methodReadings", () => {
  it("is the method alone for an ordinary request", () => {
    assert.deepEqual(methodReadings("GET", new HeaderList(["Host", "a", "X-Other", "POST"])), [
      "GET",
    ]);
  });

  it("adds what override headers say, underscore spellings included", () => {
    const headers = new HeaderList(["X-HTTP-Method-Override", "delete", "X_Http_Method", "PUT"]);
    assert.deepEqual(methodReadings("POST", headers), ["POST", "DELETE", "PUT"]);
  });
});
