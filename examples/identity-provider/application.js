// The shop's API: it believes revgate, which checks the tokens and says whose they are, and knows nothing of
// logouts. GET /me answers who asks; a WebSocket is greeted by name and echoed.
//
//   PORT=3000 node application.js
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const server = createServer((request, response) => {
  response.writeHead(200, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ user: request.headers["x-user-id"] }));
});

new WebSocketServer({ server }).on("connection", (socket, request) => {
  socket.send(`hello ${request.headers["x-user-id"]}`);
  socket.on("message", (data) => socket.send(String(data)));
  socket.on("error", () => {});
});

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
