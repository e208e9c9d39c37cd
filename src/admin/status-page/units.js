// How numbers and times are written.

/** A rate, as "12.5". */
export function perSecond(number) {
  return number >= 100 ? Math.round(number).toLocaleString("en") : number.toFixed(1);
}

/** A number on an axis, with as few digits as it has. */
export function short(number) {
  return Number(number.toFixed(2)).toLocaleString("en");
}

/** A count, as "12,345". */
export function whole(number) {
  return Math.round(number).toLocaleString("en");
}

/** A time that passed, in the unit that fits. */
export function seconds(number) {
  if (number === Number.POSITIVE_INFINITY) return "never";
  if (number === 0) return "0 s";
  if (number >= 7200) return `${Math.round(number / 3600)} h`;
  if (number >= 120) return `${Math.round(number / 60)} min`;
  if (number >= 1) return `${Number(number.toFixed(1))} s`;
  const ms = number * 1e3;
  return ms >= 1 ? `${Number(ms.toFixed(ms >= 100 ? 0 : 1))} ms` : `${Math.round(ms * 1e3)} µs`;
}

/** A size, in the unit that fits. */
export function bytes(number) {
  const units = ["B", "KB", "MB", "GB"];
  const power = Math.min(3, Math.floor(Math.log10(Math.max(number, 1)) / 3));
  return `${(number / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** A time of day in UTC, as logs have it. */
export function timeOfDay(epochSeconds) {
  return new Date(epochSeconds * 1000).toISOString().slice(11, 19);
}

/** A day and a time in UTC, without the year and seconds. */
export function day(epochSeconds) {
  return new Date(epochSeconds * 1000).toISOString().slice(5, 16).replace("T", " ");
}
