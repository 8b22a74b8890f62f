using Palmyra.Backends;

namespace Palmyra.Generation.Sampling;

/// <summary>Locally typical sampling (arXiv:2202.00666): keeps the tokens whose surprise −ln p is nearest the entropy, up to a mass.</summary>
/// <param name="mass">The mass.</param>
/// <param name="least">How many tokens stay at least.</param>
/// <param name="probabilities">Working memory.</param>
internal sealed class TypicalFilter(double mass, int least, Probabilities probabilities) : ILogitsProcessor
{
    private (double Distance, int Id)[] _order = [];

    public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
    {
        if (_order.Length < logits.Length)
        {
            _order = new (double, int)[logits.Length];
        }

        ReadOnlySpan<double> p = probabilities.Of(logits);
        double entropy = Probabilities.Entropy(p);
        double logSum = LogSumExp.Of(logits);
        int count = 0;
        for (int id = 0; id < logits.Length; id++)
        {
            if (logits[id] > float.NegativeInfinity)
            {
                _order[count++] = (Math.Abs(logSum - logits[id] - entropy), id);
            }
        }

        Span<(double Distance, int Id)> order = _order.AsSpan(0, count);
        order.Sort(static (a, b) => a.Distance != b.Distance ? a.Distance.CompareTo(b.Distance) : a.Id.CompareTo(b.Id));

        // The last token kept is the first whose running mass reaches the limit; all at its distance stay with it.
        int last = 0;
        for (double sum = p[order[0].Id]; sum < mass && last + 1 < count; sum += p[order[last].Id])
        {
            last++;
        }

        for (int rank = least; rank < count; rank++)
        {
            if (order[rank].Distance > order[last].Distance)
            {
                logits[order[rank].Id] = float.NegativeInfinity;
            }
        }
    }
}
