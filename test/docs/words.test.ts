import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { repository } from "../tools/repository.ts";
import { comments, literals, prose, wordFaults } from "../tools/words.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");
const filesIn = (folder: string, name: RegExp) =>
  readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" })
    .map((file) => join(folder, file))
    .filter((file) => name.test(file));

/** Texts that stand as they are, with the reason. */
const exceptions: readonly RegExp[] = [
  // What was argued in its time is not argued anew; notes from 0073 on are read.
  /^docs\/decisions\/00(?:[0-6]\d|7[0-2])-/,
  // Scripts that run in Redis: not English.
  /^src\/denylist\/redis\/(?:log-)?scripts\.ts$/,
];

const sentences: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  "log lines, errors, help, metrics and settings": filesIn("src", /\.ts$/).map((file) => [
    file,
    literals(read(file)),
  ]),
  documents: [
    ...readdirSync(repository),
    ...["docs", "k8s", "examples"].flatMap((folder) => filesIn(folder, /./)),
  ]
    .filter((file) => file.endsWith(".md"))
    .map((file) => [file, prose(read(file))]),
  comments: filesIn("src", /\.ts$/).map((file) => [file, comments(read(file))]),
  "manifests, examples and the status page": [
    ...filesIn("k8s", /\.ya?ml$/),
    ...filesIn("examples", /\.(?:ya?ml|conf|service|sh)$/),
    ...filesIn("src/admin/status-page", /./),
  ].map((file) => [file, read(file)]),
};

describe("what people read", () => {
  for (const [what, texts] of Object.entries(sentences)) {
    it(`has the field's words: ${what}`, () => {
      const read = texts.filter(([file]) => !exceptions.some((each) => each.test(file)));
      const faults = read.flatMap(([file, text]) =>
        wordFaults(text).map(({ line, text, write }) => `${file}:${line}: …${text}… (${write})`),
      );
      assert.deepEqual(faults, []);
      assert.ok(read.length > 15);
    });
  }
});

describe("the runbook", () => {
  it("quotes lines of the log as the code has them", () => {
    const written = filesIn("src", /\.ts$/).map((file) => literals(read(file)));
    const quoted = [...read("docs/runbook.md").matchAll(/"([a-z][^"`\n]{15,})"/g)].map(
      ([, text = ""]) => text,
    );
    for (const text of quoted)
      assert.ok(
        written.some((each) => each.includes(text)),
        text,
      );
    assert.ok(quoted.length >= 2);
  });
});

describe("words that are ruled out", () => {
  it("are found, and the same words in another sense are not", () => {
    const wrong = [
      "Whoever asks gets 503.",
      "a pipe that nobody reads",
      "it is released behind that",
      "exits 0 where there is none",
      "Further issuers",
      "mend the rule",
      "what is under way",
      "it is taken on at once",
      "it is served all the same",
      "Nothing. Who sends it gets 503.",
    ];
    for (const text of wrong) assert.equal(wordFaults(text).length, 1, text);
    const right = [
      "behind a proxy",
      "3 s behind that of redis",
      "say where the token is",
      "a sidecar falls behind",
      "at most 5",
      "Who asks?",
    ];
    for (const text of right) assert.deepEqual(wordFaults(text), [], text);
  });

  it("are looked for in literals and prose alone", () => {
    const source = 'const nobody = 1; // nobody\nlog("nobody " + x); const a = "nobody";';
    assert.equal(wordFaults(literals(source)).length, 1);
    assert.equal(wordFaults(comments(source)).length, 1);
    assert.deepEqual(wordFaults(prose("`nobody` [a](nobody.md)\n\n```sh\nnobody\n```\n")), []);
  });
});
