/** Writes the documents that say what the code says. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../helpers/program.ts";
import { generatedDocs } from "./generated-docs.ts";

for (const [file, text] of await generatedDocs()) writeFileSync(join(repository, file), text);
