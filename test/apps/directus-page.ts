import type { Browser } from "playwright-core";
import { admin } from "./directus-application.ts";

/** Busy machines take their time for its two megabytes of code. */
const timeoutMs = 60_000;

/** Logs in on Directus' admin page. It polls all the time: no page is waited for until its network is silent. */
export async function logInToPage(browser: Browser, url: string) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(timeoutMs);
  await page.goto(`${url}/admin/login`, { waitUntil: "commit" });
  await page.locator("input[type=email]").fill(admin.email);
  await page.locator("input[type=password]").fill(admin.password);
  await page.locator("button[type=submit]").click();
  await page.waitForURL(/\/admin\/(?!login)/, { waitUntil: "commit" });
  const cookie = async () => {
    const kept = await context.cookies();
    const session = kept.find(({ name }) => name === "directus_session_token");
    return `directus_session_token=${session?.value}`;
  };
  return {
    cookie,
    /** Resolves to the last cookie that it had. */
    async logOut(): Promise<string> {
      const left = page.waitForRequest(/\/auth\/logout$/);
      await page.goto(`${url}/admin/logout`, { waitUntil: "commit" });
      const { cookie: last = "" } = await (await left).allHeaders();
      await page.waitForURL(/\/admin\/login/, { waitUntil: "commit" });
      return last;
    },
  };
}
