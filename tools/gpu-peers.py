#!/usr/bin/env python3
"""Measures PyTorch on the shapes that the GPU bundle measures, and prints JSON rows of the same form, so that ratios can be joined by name.

Run by hand on the machine with the GPU, beside the bundle and while nothing else runs there:

    ./palmyra-gpu/Palmyra.Gpu.Bundle --speed --json palmyra.json
    tools/gpu-peers.py > peers.json

Needs PyTorch with CUDA; the model needs transformers too, and is left out where that is absent. THIS SCRIPT WAS NEVER RUN: it was written on
a machine without a GPU and without PyTorch. Read its rows with that in mind, the first time above all.

Names are those of the bundle's rows in BF16, the one format that PyTorch multiplies as it is stored. What differs: the bundle's GEMV and
GEMM take 32-bit inputs and round them inside the time measured, PyTorch's are BF16 already; the bundle's attention computes in 32 bits.
"""

import json
import statistics
import sys
import time

try:
    import torch
except ImportError:
    sys.exit("PyTorch is not installed here: there is nothing to measure.")
if not torch.cuda.is_available():
    sys.exit("PyTorch finds no GPU.")

ROUNDS = 5
COPY_BYTES = 1 << 30
WEIGHT_BYTES = 512 << 20
PROMPT, DECODED = 1024, 64
device = torch.device("cuda")
rows = []


def milliseconds(work):
    """What the device takes for work, by its own events."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def measure(work):
    """A measurement of one pass: as many as take some milliseconds, started together."""
    work()
    passes = int(min(200, max(1, 5 / max(milliseconds(work), 1e-3))))

    def repeat():
        for _ in range(passes):
            work()

    return lambda: milliseconds(repeat) / passes


def interleave(*measurements):
    """Every measurement once to warm up, then once a round in turn, each second round backwards."""
    for one in measurements:
        one()
    found = [[0.0] * ROUNDS for _ in measurements]
    for r in range(ROUNDS):
        order = range(len(measurements))
        for i in order if r % 2 == 0 else reversed(order):
            found[i][r] = measurements[i]()
    return found


def add(part, name, values, unit, **facts):
    rows.append(
        {"part": part, "name": name, "unit": unit, "median": statistics.median(values), "values": values, "facts": facts, "note": "PyTorch"}
    )


source = torch.zeros(COPY_BYTES, dtype=torch.uint8, device=device)
target = torch.empty_like(source)


def copy():
    return 2 * COPY_BYTES / (milliseconds(lambda: target.copy_(source)) / 1e3)


def products():
    add("copy", f"copy of {COPY_BYTES} bytes on the device, read and written", [v / 1e9 for v in interleave(copy)[0]], "GB/s")
    for outputs, inputs in [(4096, 4096), (16384, 4096), (4096, 16384), (50400, 4096)]:
        size = outputs * inputs * 2
        count = max(2, -(-WEIGHT_BYTES // size))
        weights = [torch.randn(outputs, inputs, device=device, dtype=torch.bfloat16) for _ in range(count)]
        x = torch.randn(1, inputs, device=device, dtype=torch.bfloat16)

        def every():
            for w in weights:
                torch.nn.functional.linear(x, w)

        # As the bundle does: recorded, so that starting kernels from Python is not what is measured.
        every()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            every()
        limit, took = interleave(copy, measure(graph.replay))
        shares = [size * count / (ms / 1e3) / c for ms, c in zip(took, limit)]
        each = statistics.median(took) * 1e3 / count
        add("gemv", f"GEMV {outputs}x{inputs} BF16", shares, "of copy bandwidth", **{"us each": each, "matrices": count})
        del weights, graph
    inputs, outputs = 4096, 16384
    w = torch.randn(outputs, inputs, device=device, dtype=torch.bfloat16)
    for m in (128, 512, 2048):
        x = torch.randn(m, inputs, device=device, dtype=torch.bfloat16)
        took = interleave(measure(lambda: torch.nn.functional.linear(x, w)))[0]
        add("gemm", f"GEMM {m} rows {inputs} -> {outputs} BF16", [2 * m * inputs * outputs / ms / 1e9 for ms in took], "TFLOP/s")


def attention():
    heads, dim, tokens = 16, 256, 2048
    q, k, v = (torch.randn(1, heads, tokens, dim, device=device, dtype=torch.bfloat16) for _ in range(3))
    took = interleave(measure(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)))[0]
    operations = 4 * heads * dim * tokens * (tokens + 1) / 2
    add("attention", f"attention {heads} heads of {dim}, {tokens} tokens BF16", [operations / ms / 1e9 for ms in took], "TFLOP/s")


def model():
    try:
        from transformers import GPTJConfig, GPTJForCausalLM
    except ImportError:
        print("transformers is not installed here: no model was measured.", file=sys.stderr)
        return

    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        gptj = GPTJForCausalLM(GPTJConfig()).eval()
    torch.set_default_dtype(torch.float32)
    prompt = torch.arange(PROMPT, device=device).unsqueeze(0)

    @torch.inference_mode()
    def prefill():
        torch.cuda.synchronize()
        start = time.perf_counter()
        # Of the last token alone, as the bundle computes them; .cpu() waits.
        found = gptj.transformer(prompt, use_cache=True)
        gptj.lm_head(found.last_hidden_state[:, -1:]).cpu()
        return time.perf_counter() - start, found.past_key_values

    @torch.inference_mode()
    def decode():
        past = prefill()[1]
        torch.cuda.synchronize()
        start = time.perf_counter()
        for i in range(DECODED):
            found = gptj(prompt[:, i : i + 1], past_key_values=past, use_cache=True)
            past = found.past_key_values
            found.logits.cpu()
        return time.perf_counter() - start

    read = sum(p.numel() * 2 for n, p in gptj.named_parameters() if p.dim() == 2 and "wte" not in n)
    limit, first, took = interleave(copy, lambda: prefill()[0], decode)
    share = statistics.median(read * DECODED / s / c for s, c in zip(took, limit))
    add(
        "model", f"gpt-j-6b BF16 decode of {DECODED} after {PROMPT}, eager, cache BF16", [DECODED / s for s in took], "tokens/s",
        **{"share of copy bandwidth": share, "bytes of weights a token": read},
    )
    add("model", f"gpt-j-6b BF16 prefill of {PROMPT}", [PROMPT / s for s in first], "tokens/s")


for part in (products, attention, model):
    try:
        part()
    except Exception as failure:  # The rows of the other parts are worth having all the same.
        print(f"{part.__name__} failed: {failure}", file=sys.stderr)
print(json.dumps(rows, indent=2))
