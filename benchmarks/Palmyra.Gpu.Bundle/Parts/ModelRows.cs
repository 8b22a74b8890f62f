using Palmyra.Backends;
using Palmyra.Evaluation.Speed;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Models;
using Palmyra.Testing;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>
/// Whole models with random weights: prefill and decode of one sequence by the host's clock, logits read back as a sampler would; decode with the
/// launches of a step fused and apart, whose logits are compared to the bit.
/// </summary>
internal static class ModelRows
{
    private const CacheFormat Cache = CacheFormat.F16;

    // Scratch memory of products and attention, and what the driver keeps for itself.
    private const long Slack = 1L << 30;

    private static readonly MatrixFormat[] Formats = [MatrixFormat.BF16, MatrixFormat.Q8, MatrixFormat.Q4];

    /// <summary>A trial a model and format.</summary>
    public static IEnumerable<Trial> Trials(SpeedStand stand)
    {
        foreach ((string model, ModelConfig config) in stand.Sizes.Models)
        {
            var weights = new Lazy<SharedWeights>(() => new SharedWeights(config));
            foreach (MatrixFormat format in Formats)
            {
                string name = $"{model} {format}";
                yield return new Trial("model", name, () => Measure(stand, name, config, weights.Value, format));
            }
        }
    }

    private static IReadOnlyList<ResultRow> Measure(
        SpeedStand stand, string name, ModelConfig config, SharedWeights weights, MatrixFormat format)
    {
        SpeedSizes sizes = stand.Sizes;
        var size = new ModelSize(config);
        long needed = size.WeightBytes(format) + (size.CacheBytesPerToken(Cache) * (sizes.Prompt + sizes.Decoded))
            + size.WorkspaceBytes(sizes.Prompt, 1) + Slack;
        if (needed > stand.Driver.FreeBytes)
        {
            return [new ResultRow("model", name) { Note = $"not measured: needs {needed:N0} bytes of the device, {stand.Driver.FreeBytes:N0} are free" }];
        }

        using Transformer model = TransformerLoader.Load(config, stand.Backend, format, weights.View);
        using var speed = new SpeedMeasurement(model, sizes.Prompt, sizes.Decoded, Cache);
        GpuBackend gpu = GpuOf(stand.Backend);
        double Decode(bool fused) => With(gpu, fused, () => speed.Decode(sizes.Decoded));
        double[][] found = Rounds.Interleave(
            sizes.Rounds, stand.Copy.Measure, () => speed.Prefill(), () => Decode(fused: true), () => Decode(fused: false));

        long bytes = model.Weights.Head.Bytes
            + model.Weights.Blocks.Sum(block => block.Qkv.Bytes + block.Out.Bytes + block.Up.Bytes + block.Down.Bytes);
        double operations = 2.0 * ((size.LayerMatrixParameters * (double)sizes.Prompt) + size.HeadParameters);
        string decode = $"{name} decode of {sizes.Decoded} after {sizes.Prompt}, cache {Cache}";
        return
        [
            Decoded(decode, found[2], fused: true) with
            {
                Passed = With(gpu, true, () => Logits(model)).AsSpan().SequenceEqual(With(gpu, false, () => Logits(model))),
                Note = "agrees if its logits are those of launches apart, to the bit",
            },
            Decoded($"{decode}, launches apart", found[3], fused: false),
            new ResultRow("model", $"{name} prefill of {sizes.Prompt}")
            {
                Values = [.. found[1].Select(seconds => sizes.Prompt / seconds)],
                Unit = "tokens/s",
                Facts = [("TFLOP/s of the weights' products", SpeedResult.Median(found[1].Select(seconds => operations / seconds / 1e12)))],
            },
        ];

        ResultRow Decoded(string title, double[] seconds, bool fused)
        {
            KernelLog log = stand.Bench.Log;
            (int launches, int replays, long kernels) = (log.Launches, log.Replays, gpu.Driver.Kernels);
            With(gpu, fused, () => speed.Decode(1));
            IEnumerable<double> shares = seconds.Zip(found[0], (each, copy) => bytes * sizes.Decoded / each / copy);
            return new ResultRow("model", title)
            {
                Values = [.. seconds.Select(each => sizes.Decoded / each)],
                Unit = "tokens/s",
                Facts =
                [
                    ("share of copy bandwidth", SpeedResult.Median(shares)),
                    ("bytes of weights a token", bytes),
                    ("kernels a token", gpu.Driver.Kernels - kernels),
                    ("launches a token", log.Launches - launches),
                    ("replays a token", log.Replays - replays),
                ],
            };
        }
    }

    private static GpuBackend GpuOf(IBackend backend) => backend is CheckedBackend outer ? GpuOf(outer.Inner) : (GpuBackend)backend;

    private static T With<T>(GpuBackend gpu, bool fused, Func<T> run)
    {
        gpu.FusesSteps = fused;
        try
        {
            return run();
        }
        finally
        {
            gpu.FusesSteps = true;
        }
    }

    // Of some tokens after a short prompt, as bits.
    private static int[] Logits(Transformer model)
    {
        ModelConfig config = model.Config;
        IBackend backend = model.Backend;
        using KvCache cache = backend.CreateKvCache(config.Layers, config.Heads, config.HeadDim, 1, backend.PreferredPageSize, Cache);
        using var rows = new Workspace(backend, config);
        var batch = new Batch();
        var bits = new List<int>();
        for (int token = 0; token < 4; token++)
        {
            batch.Clear();
            batch.Add([token + 1], token, [0]);
            Tensor hidden = model.Forward(backend.Prepare(batch, null), cache, rows);
            bits.AddRange(OpCases.Values(backend, model.Logits(hidden, [0], rows)).Select(BitConverter.SingleToInt32Bits));
        }

        return [.. bits];
    }
}
