namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>The largest logits of a row with ids and log-probabilities. The memory is reused, so an object serves one thread.</summary>
/// <remarks>
/// Order and sum are those of sampling from all logits, by the same code: a text does not depend on how much of its logits was asked for.
/// Additions: in double, in the order of ids.
/// </remarks>
internal sealed class Ranking
{
    private readonly RankedTokens _ranked = new();

    /// <summary>Ranks a row.</summary>
    /// <param name="top">3K numbers: logits, ids, log-probabilities.</param>
    /// <param name="logits">V numbers.</param>
    public void Row(Span<float> top, ReadOnlySpan<float> logits)
    {
        int count = top.Length / 3;
        double logSum = LogSumExp.Of(logits);
        if (!double.IsFinite(logSum))
        {
            top.Fill(float.NaN);
            return;
        }

        _ranked.Load(logits, count);
        ReadOnlySpan<ulong> keys = _ranked.Top(count);
        for (int i = 0; i < keys.Length; i++)
        {
            float logit = RankedTokens.Logit(keys[i]);
            top[i] = logit;
            top[count + i] = RankedTokens.Id(keys[i]);
            top[(2 * count) + i] = (float)(logit - logSum);
        }

        // Ranked are the numbers; where they are fewer than asked for, −∞ follows in the order of ids.
        for (int id = 0, i = keys.Length; i < count; id++)
        {
            if (logits[id] == float.NegativeInfinity)
            {
                (top[i], top[count + i], top[(2 * count) + i]) = (logits[id], id, logits[id]);
                i++;
            }
        }
    }
}
