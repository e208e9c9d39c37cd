/** A page that a browser has been sent. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly text: string;
}

/** As much of a browser as it takes to log in: cookies, redirects, and the forms of a page. */
export class Browser {
  readonly #cookies = new Map<string, string>();

  /** Opens an address, and follows redirects as long as they lead to the same origin. */
  async open(url: string, form?: Readonly<Record<string, string>>): Promise<Page> {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(form && { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    const location = response.headers.get("location");
    const text = await response.text();
    if (location === null) return { url, status: response.status, text };
    const next = new URL(location, url);
    if (next.origin !== new URL(url).origin)
      return { url: next.href, status: response.status, text };
    return this.open(next.href);
  }

  /** Sends the form of a page, with other fields where given. */
  submit({ url, text }: Page, fields: Readonly<Record<string, string>>): Promise<Page> {
    const [, action] = /<form[^>]*\baction="([^"]*)"/.exec(text) ?? [];
    if (action === undefined) throw new Error(`no form at ${url}: ${text}`);
    const hidden = [...text.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([input]) => {
      const [, name = ""] = /name="([^"]*)"/.exec(input) ?? [];
      const [, value = ""] = /value="([^"]*)"/.exec(input) ?? [];
      return [name, value] as const;
    });
    return this.open(new URL(action, url).href, { ...Object.fromEntries(hidden), ...fields });
  }

  #keep(line: string): void {
    const [pair = ""] = line.split(";", 1);
    const equals = pair.indexOf("=");
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
    if (value === "" || /expires=Thu, 01 Jan 1970/i.test(line)) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}
