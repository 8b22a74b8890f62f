// The paired table: in every round llama.cpp and Palmyra measure the same shapes, seconds apart, and a ratio is of one round.
// usage: node speed.mjs FOLDER PALMYRA.dll [--rounds N] [--threads 1,2] [--json FILE]
//        node speed.mjs FOLDER --check    only sees that llama.cpp loads
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { LlamaModel, PROMPT, openLlama } from "./llama.mjs";

const FORMATS = [
  { name: "F32", file: "f32", decode: 1.0, prefill: 1.6 },
  { name: "F16", file: "f16", decode: 1.2, prefill: null },
  { name: "Q8", file: "q8", decode: 1.5, prefill: 1.7 },
  { name: "Q4", file: "q4", decode: 1.9, prefill: null },
];
const TRIALS = 3;
const DECODED = 64;

const { values: options, positionals: [folder, palmyra] } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: "1,2" },
    json: { type: "string" },
    check: { type: "boolean", default: false },
  },
});
if (options.check) {
  await openLlama(folder);
  process.exit(0);
}

const rounds = Number(options.rounds);
const threadCounts = options.threads.split(",").map(Number);
if (!folder || !palmyra || !(rounds >= 5) || !threadCounts.every((n) => Number.isInteger(n) && n > 0)) {
  console.error("usage: node speed.mjs FOLDER PALMYRA.dll [--rounds N, at least 5] [--threads 1,2] [--json FILE]");
  process.exit(2);
}

/** Palmyra in a process of its own that measures whenever it is told to. */
class Palmyra {
  static async open(format, threads) {
    const child = spawn("dotnet", [palmyra, "turns", "--dtype", format, "--threads", String(threads), "--decode-tokens", String(DECODED)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const self = new Palmyra(child, lines);
    self.greeting = await self.#line();
    return self;
  }

  constructor(child, lines) {
    Object.assign(this, { child, lines });
  }

  take() {
    this.child.stdin.write("\n");
    return this.#line();
  }

  async close() {
    const ended = new Promise((resolve) => this.child.once("close", resolve));
    this.child.stdin.end();
    await ended;
  }

  async #line() {
    const { value, done } = await this.lines.next();
    if (done) {
      throw new Error("Palmyra's process ended early.");
    }
    return JSON.parse(value);
  }
}

const PHASES = [
  { key: "decode", title: "gpt2 decode", target: (format) => format.decode },
  { key: "decodeLater", title: `gpt2 decode after ${PROMPT}`, target: () => null },
  { key: "prefill", title: `gpt2 prefill ${PROMPT}`, target: (format) => format.prefill },
];

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Which of llama.cpp's attentions is faster differs by phase, format and machine: a few trials choose, for each phase. */
async function chooseAttention(models) {
  const best = {};
  for (let trial = 0; trial < TRIALS; trial++) {
    for (const model of models) {
      const found = await model.take(DECODED);
      for (const { key } of PHASES) {
        if (!best[key] || found[key].own > best[key].rate) {
          best[key] = { rate: found[key].own, model };
        }
      }
    }
  }
  return best;
}

async function compare(llama, format, threads) {
  const own = await Palmyra.open(format.name, threads);
  const machine = own.greeting.machine;
  const describe = (phase) => ({
    layer: "peer", name: `${phase.title}, ${format.name}`, threads, measure: "times", of: "llama.cpp", target: phase.target(format) ?? undefined, atMost: false,
  });
  if (own.greeting.error) {
    await own.close();
    return { machine, rows: PHASES.map((phase) => ({ ...describe(phase), values: [], note: `not supported: ${own.greeting.error}` })) };
  }

  const models = [];
  for (const flashAttention of [true, false]) {
    models.push(await LlamaModel.open(llama, join(folder, `gpt2-${format.file}.gguf`), threads, flashAttention));
  }
  const best = await chooseAttention(models);
  const ours = [], theirs = [];
  for (let round = 0; round < rounds; round++) {
    const theirTurn = async () => {
      const found = new Map();
      for (const model of new Set(PHASES.map(({ key }) => best[key].model))) {
        found.set(model, await model.take(DECODED));
      }
      theirs.push(Object.fromEntries(PHASES.map(({ key }) => [key, found.get(best[key].model)[key]])));
    };
    const ourTurn = async () => ours.push(await own.take());
    for (const turn of round % 2 ? [ourTurn, theirTurn] : [theirTurn, ourTurn]) {
      await turn();
    }
  }
  await own.close();
  for (const model of models) {
    await model.close();
  }

  const rows = PHASES.map((phase) => {
    const { key } = phase;
    const rate = (values) => median(values).toFixed(1);
    return {
      ...describe(phase),
      values: ours.map((found, round) => found[key] / theirs[round][key].own),
      note: `${rate(ours.map((found) => found[key]))} to ${rate(theirs.map((found) => found[key].own))} tokens/s by its own clock, `
        + `${rate(theirs.map((found) => found[key].wall))} by ours; flash attention ${best[key].model.flashAttention ? "on" : "off"}`,
    };
  });
  return { machine, rows };
}

const llama = await openLlama(folder);
const all = { title: `Beside llama.cpp, medians of ${rounds} rounds`, machine: null, rows: [] };
console.log(`llama.cpp ${llama.llama.llamaCppRelease?.release ?? ""}: ${llama.llama.systemInfo.trim()}`);
for (const threads of threadCounts) {
  for (const format of FORMATS) {
    const { machine, rows } = await compare(llama, format, threads);
    all.machine ??= machine;
    all.rows.push(...rows);
    for (const row of rows) {
      const found = row.values.length ? `${median(row.values).toFixed(2)}x (${Math.min(...row.values).toFixed(2)} to ${Math.max(...row.values).toFixed(2)})` : "-";
      const verdict = row.target === undefined ? "" : `target ${row.target.toFixed(1)}x${row.values.length ? (median(row.values) >= row.target ? ": reached" : ": missed") : ""}`;
      console.log(`  ${row.name.padEnd(28)} ${threads} thread${threads === 1 ? " " : "s"}  ${found.padEnd(22)} ${verdict.padEnd(22)} ${row.note}`);
    }
    if (options.json) {
      writeFileSync(options.json, JSON.stringify(all, null, 1) + "\n");
    }
  }
}
process.exit(0);
