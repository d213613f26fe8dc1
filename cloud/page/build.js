/**
 * Build the page into the coordinator's package: text files whose names carry a hash of their content.
 *
 * `node build.js` writes `../chalicelib/web/static/`. Nothing else of this folder is deployed.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HOME = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HOME, "..", "chalicelib", "web", "static");

const FIRST = { script: "src/main.js", style: "src/style/index.css" };

/** What a view fetches when it needs it, by the name that `asset()` asks for. */
const ON_DEMAND = {
  "uplot-style": "node_modules/uplot/dist/uPlot.min.css",
  "uppy-style": "node_modules/@uppy/core/dist/style.min.css",
  "uppy-dashboard-style": "node_modules/@uppy/dashboard/dist/style.min.css",
  "crc-worker": "src/upload/crc-worker.js",
};

/** Pictures within style sheets would need `data:` in the page's policy; those of libraries only adorn. */
const withoutPictures = {
  name: "without-pictures",
  /** @param {import("esbuild").PluginBuild} made */
  setup(made) {
    made.onLoad({ filter: /node_modules[\\/]@uppy[\\/].*\.css$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      return { contents: text.replaceAll(/url\((["']?)data:.*?\1\)/g, "none"), loader: "css" };
    });
  },
};

const built = await build({
  absWorkingDir: HOME,
  entryPoints: [
    { in: FIRST.script, out: "main" },
    { in: FIRST.style, out: "style" },
    ...Object.entries(ON_DEMAND).map(([name, path]) => ({ in: path, out: name })),
  ],
  bundle: true,
  plugins: [withoutPictures],
  splitting: true,
  format: "esm",
  target: ["chrome109", "firefox115", "safari16"],
  minify: true,
  charset: "utf8",
  legalComments: "none",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  outdir: TARGET,
  metafile: true,
  write: false,
});

/** @type {Map<string, string>} the built file of each source that is an entry */
const files = new Map();
for (const [path, output] of Object.entries(built.metafile.outputs)) {
  if (output.entryPoint) files.set(output.entryPoint, basename(path));
}

/** @param {string} source */
function fileOf(source) {
  const file = files.get(source);
  if (!file) throw new Error(`${source} was not built`);
  return file;
}

/** The modules that the first script imports at once, and theirs: the browser fetches them side by side. */
function preloads() {
  /** @type {Set<string>} */
  const found = new Set();
  const outputs = new Map(
    Object.entries(built.metafile.outputs).map(([path, output]) => [basename(path), output]),
  );
  /** @param {string} name */
  const visit = (name) => {
    for (const imported of outputs.get(name)?.imports ?? []) {
      const next = basename(imported.path);
      if (imported.kind === "import-statement" && !found.has(next)) {
        found.add(next);
        visit(next);
      }
    }
  };
  visit(fileOf(FIRST.script));
  return [...found];
}

function page() {
  const onDemand = Object.entries(ON_DEMAND).map(
    ([name, path]) => `<meta name="asset" data-name="${name}" content="assets/${fileOf(path)}">`,
  );
  const modules = preloads().map((name) => `<link rel="modulepreload" href="assets/${name}">`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>reelhaul</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/${fileOf(FIRST.style)}">
${[...modules, ...onDemand].join("\n")}
<script type="module" src="assets/${fileOf(FIRST.script)}"></script>
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
`;
}

/** The licence of each library in the built files, as its authors ask. */
async function licences() {
  const names = new Set(
    Object.keys(built.metafile.inputs)
      .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
      .filter((name) => name !== undefined),
  );
  const texts = [...names].sort().map(async (name) => {
    const home = join(HOME, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(home, "package.json"), "utf8"));
    const candidates = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license", "LICENCE"];
    const found = await Promise.all(
      candidates.map((file) => readFile(join(home, file), "utf8").catch(() => "")),
    );
    return `${name} ${version} (${license})\n\n${found.find((text) => text) ?? ""}`.trim();
  });
  return `${(await Promise.all(texts)).join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

await rm(TARGET, { recursive: true, force: true });
await mkdir(TARGET, { recursive: true });
for (const { path, contents } of built.outputFiles) {
  await writeFile(join(TARGET, relative(TARGET, path)), contents);
}
await writeFile(join(TARGET, "icon.svg"), await readFile(join(HOME, "src", "icon.svg")));
await writeFile(join(TARGET, "licences.txt"), await licences());
await writeFile(join(TARGET, "index.html"), page());
