namespace Palmyra.Generation.Sampling;

/// <summary>Picks a token from processed logits: the largest one, or one at random.</summary>
internal sealed class TokenChooser
{
    private double[] _masses = [];

    /// <summary>The id of the largest logit, the lowest on ties.</summary>
    public static int Greedy(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int id = 1; id < logits.Length; id++)
        {
            best = logits[id] > logits[best] ? id : best;
        }

        return best;
    }

    /// <summary>An id drawn from the softmax: the first whose running mass, in the order of ids, exceeds a uniform share of the total.</summary>
    public int Sample(ReadOnlySpan<float> logits, RandomStream random)
    {
        if (_masses.Length < logits.Length)
        {
            _masses = new double[logits.Length];
        }

        float max = Probabilities.Max(logits);
        double total = 0;
        for (int id = 0; id < logits.Length; id++)
        {
            total += logits[id] > float.NegativeInfinity ? Math.Exp((double)logits[id] - max) : 0;
            _masses[id] = total;
        }

        // The first running sum above the threshold: binary search, with the equal sums of impossible tokens skipped by "above".
        double threshold = random.NextUnit() * total;
        (int low, int high) = (0, logits.Length - 1);
        while (low < high)
        {
            int middle = low + ((high - low) / 2);
            (low, high) = _masses[middle] > threshold ? (low, middle) : (middle + 1, high);
        }

        return low;
    }
}
