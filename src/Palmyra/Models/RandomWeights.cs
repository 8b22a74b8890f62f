using Palmyra.Checkpoints;

namespace Palmyra.Models;

/// <summary>Fresh weights, the same for the same seed: for benchmarks of shapes nobody has weights of, for tests, and to start training from.</summary>
/// <remarks>
/// Each tensor has a stream of its own, seeded by its name, so that values do not depend on the order of loading. Numbers are sums of four
/// uniforms scaled to the wanted deviation: close to normal, without tails, and fast enough to fill billions.
/// </remarks>
/// <param name="config">Gives the deviations.</param>
/// <param name="seed">Chooses the numbers.</param>
public sealed class RandomWeights(ModelConfig config, ulong seed)
{
    /// <summary>The view of a tensor, to be passed to <see cref="TransformerLoader.Load"/>.</summary>
    public WeightView View(WeightEntry entry)
    {
        var values = new float[checked((int)entry.Count)];
        switch (entry.Initialization)
        {
            case WeightInitialization.One:
                values.AsSpan().Fill(1);
                break;
            case WeightInitialization.Zero:
                break;
            case WeightInitialization.Normal:
                Fill(values, config.InitializerRange, entry.Name);
                break;
            default:
                Fill(values, config.InitializerRange / Math.Sqrt(2.0 * config.Layers), entry.Name);
                break;
        }

        return WeightView.FromArray(entry.Name, entry.Rows, entry.Cols, values);
    }

    private void Fill(float[] values, double deviation, string name)
    {
        ulong state = seed;
        foreach (char letter in name)
        {
            state = (state ^ letter) * 0x9E3779B97F4A7C15;
        }

        // Four 16-bit uniforms sum to mean 2·65535 and variance 4·(2³²−1)/12.
        float scale = (float)(deviation / Math.Sqrt(4 * (4294967296.0 - 1) / 12));
        for (int i = 0; i < values.Length; i++)
        {
            // SplitMix64 (Steele, Lea and Flood 2014).
            ulong z = state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            z ^= z >> 31;
            int sum = (int)(z & 0xFFFF) + (int)((z >> 16) & 0xFFFF) + (int)((z >> 32) & 0xFFFF) + (int)(z >> 48);
            values[i] = (sum - (2 * 65535)) * scale;
        }
    }
}
