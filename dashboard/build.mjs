// Makes dist/: app.js, app.css, index.html, the icon, and a .gz beside each,
// which nginx's gzip_static sends.

import { build } from "esbuild";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync,
         writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const NEW = "dist.new";
const LIMIT = 75 * 1024;    // of all .gz together

rmSync(NEW, { recursive: true, force: true });
mkdirSync(NEW);

await build({
  entryPoints: { app: "src/main.jsx" },
  outdir: NEW,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "inline",
  logLevel: "warning",
});

for (const name of readdirSync("static")) {
  writeFileSync(`${NEW}/${name}`, readFileSync(`static/${name}`));
}

let total = 0;

for (const name of readdirSync(NEW)) {
  const packed = gzipSync(readFileSync(`${NEW}/${name}`), { level: 9 });

  writeFileSync(`${NEW}/${name}.gz`, packed);
  total += packed.length;
}

if (total > LIMIT) {
  throw new Error(`dist has ${total} bytes compressed, more than ${LIMIT}`);
}

// who reads it meanwhile sees the old one, the new one, or for a moment none
rmSync("dist", { recursive: true, force: true });
renameSync(NEW, "dist");
console.log(`dashboard/dist, ${(total / 1024).toFixed(1)} KB compressed`);
