/**
 * Whether this run is of the long forms (`npm run test:long`). `npm test` runs short ones, which find the same
 * faults where they are large, or frequent.
 */
export const isLong = process.env["REVGATE_TEST_FORM"] === "long";
