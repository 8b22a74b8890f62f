using Palmyra.Backends;
using Palmyra.Evaluation.Speed;
using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Models;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>Whole models with random weights: prefill and decode of one sequence by the host's clock, logits read back as a sampler would.</summary>
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
        double[][] found = Rounds.Interleave(
            sizes.Rounds, stand.Copy.Measure, () => speed.Prefill(), () => speed.Decode(sizes.Decoded));
        KernelLog log = stand.Bench.Log;
        (int launches, int replays) = (log.Launches, log.Replays);
        speed.Decode(1);
        (launches, replays) = (log.Launches - launches, log.Replays - replays);

        long bytes = model.Weights.Head.Bytes
            + model.Weights.Blocks.Sum(block => block.Qkv.Bytes + block.Out.Bytes + block.Up.Bytes + block.Down.Bytes);
        double operations = 2.0 * ((size.LayerMatrixParameters * (double)sizes.Prompt) + size.HeadParameters);
        IEnumerable<double> shares = found[2].Zip(found[0], (seconds, copy) => bytes * sizes.Decoded / seconds / copy);
        return
        [
            new ResultRow("model", $"{name} decode of {sizes.Decoded} after {sizes.Prompt}, cache {Cache}")
            {
                Values = [.. found[2].Select(seconds => sizes.Decoded / seconds)],
                Unit = "tokens/s",
                Facts =
                [
                    ("share of copy bandwidth", SpeedResult.Median(shares)),
                    ("bytes of weights a token", bytes),
                    ("launches a token", launches),
                    ("replays a token", replays),
                ],
            },
            new ResultRow("model", $"{name} prefill of {sizes.Prompt}")
            {
                Values = [.. found[1].Select(seconds => sizes.Prompt / seconds)],
                Unit = "tokens/s",
                Facts = [("TFLOP/s of the weights' products", SpeedResult.Median(found[1].Select(seconds => operations / seconds / 1e12)))],
            },
        ];
    }
}
