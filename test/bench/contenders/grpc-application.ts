/** The gRPC service behind every contender: a unary call is answered with a message of 1 KiB, as fast as Node does that. */
import { createServer } from "node:http2";

const message = Buffer.concat([Buffer.of(0, 0, 0, 4, 0), Buffer.alloc(1024, "x")]);

const server = createServer();
server.on("stream", (stream) => {
  stream.on("error", () => {});
  stream.resume();
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(message);
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify(server.address())}\n`);
});
