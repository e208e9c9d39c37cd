// Calls the service, straight or through revgate:
//
//   node client.js 127.0.0.1:8080 login alice wonderland      prints a token
//   TOKEN=… node client.js 127.0.0.1:8080 me | watch | logout
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const [address, call, user, password] = process.argv.slice(2);
const definition = loadSync(fileURLToPath(new URL("shop.proto", import.meta.url)));
const { Shop } = grpc.loadPackageDefinition(definition).demo;
const shop = new Shop(address, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
if (process.env.TOKEN) metadata.set("authorization", `Bearer ${process.env.TOKEN}`);

function end(error, text) {
  if (error) console.error(`${grpc.status[error.code]}: ${error.details}`);
  else console.log(text);
  process.exitCode = error ? 1 : 0;
  shop.close();
}

switch (call) {
  case "login":
    shop.login({ user, password }, (error, answer) => end(error, answer?.token));
    break;
  case "me":
    shop.me({}, metadata, (error, answer) => end(error, answer?.name));
    break;
  case "logout":
    shop.logout({}, metadata, (error) => end(error, "bye"));
    break;
  case "watch":
    shop
      .watch({}, metadata)
      .on("data", ({ number }) => console.log(`event ${number}`))
      .on("error", end);
    break;
  default:
    console.error("usage: node client.js ADDRESS login USER PASSWORD | me | watch | logout");
    process.exitCode = 2;
    shop.close();
}
