// llama.cpp through node-llama-cpp, timed by llama.cpp's own counters.
//
// The package's public calls sample a token or skip its logits; neither is what is compared. So batches go straight to its binding, as the
// package itself sends them: one call a batch, logits of the last token only. That binding is internal, which is why the version is pinned.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export const SHORT_PROMPT = 8;
export const PROMPT = 512;
const CONTEXT = 1024;
const VOCABULARY = 50257n;

const tokens = Uint32Array.from({ length: PROMPT }, (_, i) => Number((BigInt(i) * 2654435761n) % VOCABULARY));

/** Opens the library installed in a folder. Without processor extensions named, it picks the best build it brings for this machine. */
export async function openLlama(folder) {
  const entry = createRequire(join(folder, "package.json")).resolve("node-llama-cpp");
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry));
  const lines = [];
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    maxThreads: 0,
    logLevel: LlamaLogLevel.info,
    logger: (_, message) => lines.push(...message.split("\n")),
  });
  return { llama, lines };
}

/** A model with a context on so many threads, with or without flash attention. */
export class LlamaModel {
  static async open({ llama, lines }, file, threads, flashAttention) {
    const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
    const context = await model.createContext({
      threads, contextSize: CONTEXT, batchSize: PROMPT, sequences: 1, flashAttention, performanceTracking: true,
    });
    const binding = context._ctx;
    for (const call of ["initBatch", "addToBatch", "decodeBatch", "disposeSequence", "printTimings", "getThreads"]) {
      if (typeof binding?.[call] !== "function") {
        throw new Error(`node-llama-cpp was expected to have ${call} in its binding; install the version that install.mjs names.`);
      }
    }
    if (binding.getThreads() !== threads) {
      throw new Error(`llama.cpp was asked for ${threads} threads and runs ${binding.getThreads()}.`);
    }
    return new LlamaModel(model, context, binding, lines, flashAttention);
  }

  constructor(model, context, binding, lines, flashAttention) {
    Object.assign(this, { model, context, binding, lines, flashAttention });
  }

  /** Tokens a second of a prompt of 512, and of tokens decoded after it and after a prompt of 8; by its own clock and by ours. */
  async take(decoded) {
    await this.#prefill(SHORT_PROMPT);
    const decode = await this.#timed("eval time", decoded, () => this.#decode(SHORT_PROMPT, decoded));
    const prefill = await this.#timed("prompt eval time", PROMPT, () => this.#prefill(PROMPT));
    const decodeLater = await this.#timed("eval time", decoded, () => this.#decode(PROMPT, decoded));
    return { prefill, decode, decodeLater };
  }

  async close() {
    await this.context.dispose();
    await this.model.dispose();
  }

  async #prefill(count) {
    this.binding.disposeSequence(0);
    this.binding.initBatch(count);
    this.binding.addToBatch(0, 0, tokens.subarray(0, count), Uint32Array.of(count - 1));
    await this.binding.decodeBatch();
  }

  async #decode(past, count) {
    for (let i = 0; i < count; i++) {
      this.binding.initBatch(1);
      this.binding.addToBatch(0, past + i, tokens.subarray(i % PROMPT, (i % PROMPT) + 1), Uint32Array.of(0));
      await this.binding.decodeBatch();
    }
  }

  // Printing the counters also sets them to zero.
  async #timed(counter, count, work) {
    this.binding.printTimings();
    const start = performance.now();
    await work();
    const wall = (1000 * count) / (performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.lines.length = 0;
    this.binding.printTimings();
    for (let waited = 0; waited < 100; waited++) {
      for (const line of this.lines) {
        const found = new RegExp(`(?:^|:)\\s*${counter} =\\s*([\\d.]+) ms /\\s*(\\d+)`).exec(line);
        if (found && Number(found[2]) === count) {
          return { own: (1000 * count) / Number(found[1]), wall };
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`llama.cpp was expected to report '${counter}' of ${count} tokens; it reported: ${this.lines.join(" / ")}`);
  }
}
