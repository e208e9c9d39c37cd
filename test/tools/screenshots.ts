/**
 * `npm run screenshots`: takes the pictures of the status page in docs/images, from three sidecars, a real Redis
 * with ten thousand revocations, and traffic.
 *
 *     npm run screenshots                        the pictures of the documents
 *     npm run screenshots -- --every DIR         each scene in each form, as PNG, to look at
 *     npm run screenshots -- --seconds 20        shorter traffic before the pictures; default 60
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launchChromium } from "../helpers/chromium.ts";
import type { TestGate } from "../helpers/gate.ts";
import { repository } from "./repository.ts";
import { type Ending, scenes, secret, setStage, startTraffic } from "./screenshot-stage.ts";

const maxBytes = 150_000;

/** What is seen: how the page is opened, and how much of it is in the picture. */
interface Form {
  readonly options: BrowserContextOptions;
  readonly height: number | "full";
}

const size = (width: number, height: number) => ({
  viewport: { width, height },
  deviceScaleFactor: 1.5,
});
const forms = {
  "desktop-light": { options: { ...size(1200, 900), colorScheme: "light" }, height: "full" },
  "desktop-dark": { options: { ...size(1200, 900), colorScheme: "dark" }, height: "full" },
  "phone-light": { options: { ...size(390, 844), colorScheme: "light" }, height: "full" },
  "phone-dark": { options: { ...size(390, 844), colorScheme: "dark" }, height: "full" },
} as const satisfies Record<string, Form>;

interface Picture {
  readonly file: string;
  readonly scene: keyof typeof scenes;
  readonly form: Form;
}

const inDocs = (name: string) => join(repository, "docs/images", name);

/** The pictures of the documents. */
const pictures: readonly Picture[] = [
  { file: inDocs("status-page.webp"), scene: "traffic", form: forms["desktop-light"] },
  {
    ...{ file: inDocs("status-page-phone.webp"), scene: "traffic" },
    form: { ...forms["phone-dark"], height: 844 },
  },
  {
    ...{ file: inDocs("status-page-trouble.webp"), scene: "trouble" },
    form: { ...forms["desktop-dark"], height: 620 },
  },
];

async function open(
  browser: Browser,
  gate: TestGate,
  options: BrowserContextOptions,
): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(gate.adminUrl);
  await page.locator("#health.ready, #health.not-ready").waitFor();
  await page.fill("#secret", secret);
  await page.locator("#secret").blur();
  return page;
}

/** A picture in a format that Chromium makes and Playwright does not offer. */
async function shoot(page: Page, height: Form["height"], format: "webp" | "png"): Promise<Buffer> {
  const [width, full] = (await page.evaluate(
    "[innerWidth, document.documentElement.scrollHeight]",
  )) as [number, number];
  const session = await page.context().newCDPSession(page);
  const clip = { x: 0, y: 0, width, height: height === "full" ? full : height, scale: 1.5 };
  const { data } = await session.send("Page.captureScreenshot", {
    ...{ format, clip, captureBeyondViewport: true },
    ...(format === "webp" && { quality: 80 }),
  });
  await session.detach();
  return Buffer.from(data, "base64");
}

async function keepPicture(page: Page, { file, form }: Picture): Promise<void> {
  const format = file.endsWith(".png") ? "png" : "webp";
  const picture = await shoot(page, form.height, format);
  writeFileSync(file, picture);
  process.stdout.write(`${file}: ${picture.length} bytes\n`);
  if (format === "webp" && picture.length > maxBytes)
    throw new Error(`${file} has more than ${maxBytes} bytes`);
}

async function takePictures(t: Ending): Promise<void> {
  const { values } = parseArgs({
    options: { every: { type: "string" }, seconds: { type: "string", default: "60" } },
  });
  const wanted = values.every === undefined ? pictures : everyScene(values.every);
  const stage = await setStage(t);
  const browser = await launchChromium();
  t.after(() => browser.close());
  t.after(startTraffic(stage));
  const [gate] = stage.gates as [TestGate];
  const pages = new Map<Picture, Page>();
  for (const picture of wanted) pages.set(picture, await open(browser, gate, picture.form.options));
  await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1000));
  for (const scene of ["traffic", "trouble"] as const) {
    await scenes[scene](stage);
    // Some readings later, each page shows it.
    await new Promise((resolve) => setTimeout(resolve, 8000));
    for (const [picture, page] of pages)
      if (picture.scene === scene) await keepPicture(page, picture);
  }
}

function everyScene(directory: string): Picture[] {
  mkdirSync(directory, { recursive: true });
  return (["traffic", "trouble"] as const).flatMap((scene) =>
    Object.entries(forms).map(([name, form]) => ({
      ...{ file: join(directory, `${scene}-${name}.png`), scene, form },
    })),
  );
}

const endings: (() => unknown)[] = [];
try {
  await takePictures({ after: (end: () => unknown) => void endings.unshift(end) } as Ending);
} finally {
  for (const end of endings) await end();
}
