/** Headers by which frameworks let a client name another method than the request line's; with hyphens. */
export const overrideHeaders = ["x-http-method-override", "x-http-method", "x-method-override"];
