import { isRange } from "../../gateway/peer.ts";
import { file } from "./fields.ts";
import { about, choice, group, list, port, text } from "./readers.ts";

/** How a gateway says which request it asks about over HTTP. */
export const httpForms = ["forwarded", "original", "same"] as const;
/** The services of Envoy, over gRPC. */
export const grpcForms = ["ext_authz", "ext_proc"] as const;
const questionForms = [...httpForms, ...grpcForms] as const;

/** Whether gateways ask over gRPC. */
export function isGrpcForm(question: string): question is (typeof grpcForms)[number] {
  return (grpcForms as readonly string[]).includes(question);
}

const tls = group({
  certFile: about("The certificate chain that gateways are shown, PEM.", file),
  keyFile: about("Its private key, PEM.", file),
  clientCaFile: about(
    "Authorities that must have issued the gateways' certificates, PEM (mutual TLS).",
    file.optional(),
    { example: "gateways-ca.pem" },
  ),
});

const gatewayRange = text("an IP address or a CIDR range").refine(
  isRange,
  'expected an IP address or a CIDR range, such as "10.0.0.0/8"',
);

/** The gateways' port. */
export const decisions = about(
  "A port on which other gateways (nginx, Traefik, Caddy, HAProxy, Envoy) ask whether a request may pass. Without this group there is none.",
  group({
    host: about("The address to listen on.", text("an address to listen on").default("0.0.0.0")),
    port: about("The port that gateways ask at.", port(9095)),
    gateways: about(
      "Addresses or ranges of the gateways that may ask; any other peer gets 403.",
      list(gatewayRange, "addresses or ranges")
        .min(1, "expected at least one address or range")
        .default(["127.0.0.1", "::1"]),
    ),
    tls: about(
      "TLS for gateways; without it, keep the port within the pod, the node, or an encrypted network.",
      tls.optional(),
      { example: { certFile: "tls.crt", keyFile: "tls.key" } },
    ),
    question: about(
      "How they say which request they ask about. forwarded: X-Forwarded-Method, -Uri and -Host. original: X-Original-Method and X-Original-URL. same: method, target and Host of the question itself. No client may be able to send these past the gateway. ext_authz: Envoy's Authorization service, over gRPC instead of HTTP. ext_proc: Envoy's ExternalProcessor, which shows the application's answer too.",
      choice(questionForms).default("forwarded"),
    ),
    methodInBody: about(
      "Whether the application may take a POST for another method that its body names (_method: Rails, Laravel, Symfony, method-override). Gateways do not show bodies.",
      choice(["possible", "never"]).default("possible"),
      {
        why: "With possible, a rule that revokes must have POST among its methods. So must a protected rule if another rule lets a POST to its path pass without a token. With never, you say that the application takes no method from a body.",
      },
    ),
  }).optional(),
  { example: { port: 9095, gateways: ["10.0.0.0/8"] } },
);
