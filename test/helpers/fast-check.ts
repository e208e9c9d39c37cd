/**
 * fast-check with the same inputs in every run, so that the same code has the same result. `npm run fuzz` tries others.
 */
import fc from "fast-check";

fc.configureGlobal({ seed: 20_261_127 });

export { fc };
