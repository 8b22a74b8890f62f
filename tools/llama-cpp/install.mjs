// The one place that says which version of llama.cpp's package is used and how it is installed: never into the repository.
// usage: node install.mjs FOLDER
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

const VERSION = "3.22.1";
const repository = realpathSync(join(dirname(fileURLToPath(import.meta.url)), "..", ".."));

/** Installs the package into a folder that does not have it, and sees that the folder has the right one. */
export function install(folder) {
  const place = real(resolve(folder));
  if ((place + sep).startsWith(repository + sep)) {
    throw new Error(`A folder outside the repository was expected; found '${folder}'.`);
  }
  const manifest = join(place, "node_modules", "node-llama-cpp", "package.json");
  if (!existsSync(manifest)) {
    mkdirSync(place, { recursive: true });
    // Its install script would compile llama.cpp where no prebuilt one fits; comparisons are with the prebuilt one.
    execFileSync(
      "npm", ["install", "--prefix", place, "--save-exact", "--ignore-scripts", "--no-audit", "--no-fund", `node-llama-cpp@${VERSION}`],
      { stdio: "inherit" });
  }
  const { version } = JSON.parse(readFileSync(manifest, "utf8"));
  if (version !== VERSION) {
    throw new Error(`node-llama-cpp ${VERSION} was expected in ${folder}; found ${version}. Give another folder, or remove this one.`);
  }
}

// Links followed, also of a path whose end does not exist yet.
function real(path) {
  return existsSync(path) ? realpathSync(path) : join(real(dirname(path)), basename(path));
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    install(process.argv[2]);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
