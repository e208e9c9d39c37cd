// Requests by outcome, the latest revocations, the fleet.
import { element, find, row, setText } from "./elements.js";
import { outcomes } from "./series.js";
import { day, perSecond, seconds, timeOfDay, whole } from "./units.js";

/** Lists how requests ended, the most frequent first. */
export function showOutcomes(now, was) {
  const rows = outcomes(now, was)
    .filter(([, , count]) => count > 0)
    .sort(([, , one], [, , other]) => other - one)
    .map(([outcome, perSec, count]) =>
      row(
        element("td", outcome),
        element("td", perSecond(perSec), "number"),
        element("td", whole(count), "number"),
      ),
    );
  find("outcomes").tBodies[0].replaceChildren(...rows);
}

/** Lists the latest revocations, or says why it cannot. */
export function showLatest({ latest, why }) {
  const rows = latest.map(({ at, kind, id, expiresAt }) =>
    row(
      element("td", timeOfDay(at)),
      element("td", kind),
      // Names are told to the secret alone.
      ...(id === undefined ? [] : [element("td", `${id}…`, "id"), element("td", day(expiresAt))]),
    ),
  );
  find("latest").tBodies[0].replaceChildren(...rows);
  setText(find("latest-empty"), why ?? "None since the start.");
}

/** Lists the sidecars of the store, this one first; `isUp`: whether it reaches Redis. */
export function showFleet(fleet, isUp) {
  const sidecars = fleet?.sidecars ?? [];
  const rows = sidecars.map(({ isSelf, silentSeconds }, index) =>
    row(
      element("td", isSelf ? "this one" : `other ${index}`),
      element("td", silentSeconds === null ? "never" : `${seconds(silentSeconds)} ago`, "number"),
    ),
  );
  find("fleet").tBodies[0].replaceChildren(...rows);
  const known = fleet?.known ?? 0;
  const more = known > sidecars.length ? " Those that have been silent longest are listed." : "";
  const count = `${whole(known)} sidecar${known === 1 ? "" : "s"}`;
  const away = isUp ? "" : " Redis is away: nothing is heard of the others.";
  const text =
    fleet === undefined
      ? "Without Redis this sidecar shares revocations with no other."
      : `${count} heard in the store.${more}${away}`;
  setText(find("fleet-note"), text);
}
