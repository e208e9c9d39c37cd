/** Writes the files that say what the code says: the schema of the configuration, and its page. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../helpers/program.ts";
import { generatedDocs } from "./generated-docs.ts";

for (const [file, text] of generatedDocs()) writeFileSync(join(repository, file), text);
