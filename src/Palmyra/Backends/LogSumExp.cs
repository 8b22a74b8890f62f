using System.Numerics.Tensors;

namespace Palmyra.Backends;

/// <summary>
/// ln Σ exp(z) of logits, in double precision and in the order of ids: one sum for choosing from all logits and from the largest.
/// </summary>
internal static class LogSumExp
{
    /// <summary>ln Σ exp(z); −∞ if all are.</summary>
    public static double Of(ReadOnlySpan<float> logits)
    {
        float max = TensorPrimitives.Max(logits);
        return max == float.NegativeInfinity ? max : max + Math.Log(Sum(logits, max));
    }

    /// <summary>Σ exp(z − max).</summary>
    public static double Sum(ReadOnlySpan<float> logits, float max)
    {
        double sum = 0;
        foreach (float logit in logits)
        {
            if (logit > float.NegativeInfinity)
            {
                sum += Math.Exp((double)logit - max);
            }
        }

        return sum;
    }
}
