import { networkInterfaces } from "node:os";

/**
 * Why a test that needs `::1` is left out; false if this machine has it.
 *
 * Containers often have none (`net.ipv6.conf.lo.disable_ipv6`), and a test cannot give it to them.
 */
export const withoutIpv6: string | false = hasLoopback6()
  ? false
  : "this machine has no address ::1 (sysctl net.ipv6.conf.lo.disable_ipv6=0 gives it one)";

function hasLoopback6(): boolean {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some(({ address }) => address === "::1");
}
