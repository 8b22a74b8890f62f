// Compares Palmyra with llama.cpp on one GPT-2-shaped model: the same log-probabilities of given tokens, the same greedy continuation.
//
//   node tools/llama-cpp/compare.mjs MODEL.gguf FOLDER [--ids "1,2,3;4,5"] [--tokens 32] [--bound 0.01]
//       [--text TEXT] [--install DIRECTORY]
//
// FOLDER holds the same model for Palmyra: what MODEL.gguf was converted from, or what it was converted to. llama.cpp comes as the npm
// package node-llama-cpp, installed into DIRECTORY (a temporary one by default), never into the repository.
import {execFileSync} from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {createRequire} from "node:module";
import {fileURLToPath, pathToFileURL} from "node:url";
import {install} from "./install.mjs";

const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..", "..");

// llama.cpp looks GELU up in a table of 16-bit floats, so even F32 files differ in the third digit; F16 and quantised ones more, since it
// rounds activations too. Greedy texts of a trained model agree all the same, short of ties.
const largestMean = 1e-3; // nats

const {positional, options} = parse(process.argv.slice(2));
if (positional.length !== 2) {
    console.error("usage: node compare.mjs MODEL.gguf FOLDER [--ids LIST;LIST] [--tokens N] [--bound NATS] [--text TEXT] [--install DIRECTORY]");
    process.exit(2);
}
const [file, folder] = positional.map((name) => path.resolve(name));
const newTokens = Number(options.tokens ?? 32);
const bound = Number(options.bound ?? 1e-2); // nats, for the worst token
const config = JSON.parse(fs.readFileSync(path.join(folder, "config.json"), "utf8"));
const prompts = options.ids
    ? options.ids.split(";").map((list) => list.split(",").map(Number))
    : madeUpPrompts(config.vocab_size, config.n_positions - newTokens);

const {getLlama} = await load(path.resolve(options.install ?? path.join(os.tmpdir(), "palmyra-llama-cpp")));
const llama = await getLlama({gpu: false, build: "never", progressLogs: false, logLevel: "error", maxThreads: 1});
const model = await llama.loadModel({modelPath: file, gpuLayers: 0});

// Its cache is of 16-bit floats by default and a second source of rounding; threads would wait for each other longer than they compute.
const context = await model.createContext({
    contextSize: config.n_positions, batchSize: config.n_positions, sequences: 1, threads: {ideal: 1, min: 1}, flashAttention: false,
    experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32"
});
const sequence = context.getSequence();

let worst = 0;
let sum = 0;
let count = 0;
let different = 0;
for (const prompt of prompts) {
    const ours = palmyra("score", "--model", folder, "--ids", prompt.join(","), "--dtype", "auto", "--json");
    const theirs = await logProbabilities(prompt);
    const differences = ours.scores.map((score, i) => Math.abs(score.log_prob - theirs[i]));
    const largest = Math.max(...differences);
    worst = Math.max(worst, largest);
    sum += differences.reduce((a, b) => a + b);
    count += differences.length;

    const text = palmyra("generate", "--model", folder, "--prompt-ids", prompt.join(","), "--max-new-tokens", newTokens,
        "--do-sample", "false", "--eos-token-id", "none", "--json");
    const greedy = await greedyTokens(prompt, newTokens);
    const same = text.ids.findIndex((id, i) => id !== greedy[i]);
    different += same < 0 ? 0 : 1;
    console.log(`${prompt.length} tokens: log-probabilities differ by ${largest.toExponential(2)} at most; greedy ${
        same < 0 ? `${text.ids.length} tokens equal` : `differs at token ${same}`}`);
}
if (options.text !== undefined) {
    const ours = palmyra("tokenize", "--model", folder, options.text, "--json").ids.join(",");
    const theirs = model.tokenize(options.text, true).map(Number).join(",");
    different += ours === theirs ? 0 : 1;
    console.log(ours === theirs ? `the text has the same ${ours.split(",").length} ids` : `the text has ids ${ours} here and ${theirs} there`);
}
const mean = sum / count;
const passed = worst <= bound && mean <= Math.max(largestMean, bound / 10) && different === 0;
console.log(`${passed ? "agrees" : "DIFFERS"}: ${prompts.length} prompts, ${count} log-probabilities within ${worst.toExponential(2)} (bound ${
    bound}), ${mean.toExponential(2)} on average; ${different} texts differ`);
await llama.dispose();
process.exit(passed ? 0 : 1);

// ln p of every token but the first, given those before it.
async function logProbabilities(tokens) {
    await sequence.clearHistory();
    const wanted = {generateNext: {probabilities: true, options: {temperature: 1, topK: 0, topP: 1, minP: 0}}};
    const result = await sequence.controlledEvaluate(tokens.slice(0, -1).map((token) => [token, wanted]));
    return result.map((item, i) => {
        const all = item.next.probabilities;
        if (all.size !== config.vocab_size) {
            throw new Error(`llama.cpp gave ${all.size} probabilities; the vocabulary has ${config.vocab_size}.`);
        }
        return Math.log(all.get(tokens[i + 1]));
    });
}

// The most probable token, again and again; an end token is a token like others here.
async function greedyTokens(prompt, count) {
    await sequence.clearHistory();
    const wanted = {generateNext: {token: false, probabilities: true, options: {temperature: 1, topK: 0, topP: 1, minP: 0}}};
    const found = [];
    let next = prompt;
    while (found.length < count) {
        const input = next.map((token, i) => (i === next.length - 1 ? [token, wanted] : token));
        const result = await sequence.controlledEvaluate(input);
        const best = result.at(-1).next.probabilities.entries().next().value[0];
        found.push(best);
        next = [best];
    }
    return found;
}

function palmyra(...words) {
    const built = path.join(repository, "src/Palmyra.Cli/bin/Release/net10.0/Palmyra.Cli.dll");
    if (!fs.existsSync(built)) {
        execFileSync("dotnet", ["build", "-c", "Release", path.join(repository, "src/Palmyra.Cli")], {stdio: "inherit"});
    }
    return JSON.parse(execFileSync("dotnet", [built, ...words.map(String)], {encoding: "utf8", maxBuffer: 1 << 28}));
}

async function load(directory) {
    install(directory);
    const entry = createRequire(path.join(directory, "index.js")).resolve("node-llama-cpp");
    return import(pathToFileURL(entry).href);
}

function madeUpPrompts(vocabulary, longest) {
    return [3, 17, 40, longest].filter((length) => length <= longest)
        .map((length, p) => Array.from({length}, (_, i) => (i * i * 7 + i * 13 + p * 101 + 5) % vocabulary));
}

function parse(words) {
    const positional = [];
    const options = {};
    for (let i = 0; i < words.length; i++) {
        if (words[i].startsWith("--")) {
            options[words[i].slice(2)] = words[++i];
        } else {
            positional.push(words[i]);
        }
    }
    return {positional, options};
}
