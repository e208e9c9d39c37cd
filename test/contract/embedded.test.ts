import { openEmbeddedDenylist } from "../../src/denylist/embedded.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { copyOf, temporaryDirectory } from "../helpers/temporary.ts";
import { describeDenylist } from "./denylist-suite.ts";

describeDenylist("embedded", {
  async open(t) {
    const dataDir = temporaryDirectory(t);
    const open = async (directory: string) => {
      const denylist = await openEmbeddedDenylist({
        dataDir: directory,
        clock: systemClock,
        onUnknownOutcome: "revoke",
      });
      t.after(() => denylist.close());
      return denylist;
    };
    return { denylist: await open(dataDir), reopen: () => open(copyOf(t, dataDir)) };
  },
});
