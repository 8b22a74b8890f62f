using System.Numerics.Tensors;
using Palmyra.Backends;

namespace Palmyra.Generation.Sampling;

/// <summary>Softmax in double precision, summed in the order of ids; the memory is reused.</summary>
internal sealed class Probabilities
{
    private double[] _values = [];

    /// <summary>The largest logit.</summary>
    public static float Max(ReadOnlySpan<float> logits) => TensorPrimitives.Max(logits);

    /// <summary>z − ln Σ exp(z), in place.</summary>
    public static void LogSoftmax(Span<float> logits)
    {
        double logSum = LogSumExp.Of(logits);
        foreach (ref float logit in logits)
        {
            logit = (float)(logit - logSum);
        }
    }

    /// <summary>The probability of each token.</summary>
    public ReadOnlySpan<double> Of(ReadOnlySpan<float> logits)
    {
        if (_values.Length < logits.Length)
        {
            _values = new double[logits.Length];
        }

        float max = Max(logits);
        double sum = 0;
        for (int id = 0; id < logits.Length; id++)
        {
            double value = logits[id] > float.NegativeInfinity ? Math.Exp((double)logits[id] - max) : 0;
            _values[id] = value;
            sum += value;
        }

        for (int id = 0; id < logits.Length; id++)
        {
            _values[id] /= sum;
        }

        return _values.AsSpan(0, logits.Length);
    }

    /// <summary>−Σ p·ln p.</summary>
    public static double Entropy(ReadOnlySpan<double> probabilities)
    {
        double entropy = 0;
        foreach (double p in probabilities)
        {
            entropy -= p > 0 ? p * Math.Log(p) : 0;
        }

        return entropy;
    }
}
