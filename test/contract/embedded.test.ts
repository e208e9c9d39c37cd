import { openEmbeddedDenylist } from "../../src/denylist/embedded.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { describeDenylist } from "./denylist-suite.ts";

describeDenylist("embedded", {
  async open(t) {
    const dataDir = temporaryDirectory(t);
    const open = async () => {
      const denylist = await openEmbeddedDenylist({
        dataDir,
        clock: systemClock,
        onUnknownOutcome: "revoke",
      });
      t.after(() => denylist.close());
      return denylist;
    };
    return { denylist: await open(), reopen: open };
  },
});
