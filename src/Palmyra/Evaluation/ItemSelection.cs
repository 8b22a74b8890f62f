using Palmyra.Evaluation.Metrics;

namespace Palmyra.Evaluation;

/// <summary>Which items of a file are evaluated, and in which order they draw examples: what a limit and a protocol's seeds decide.</summary>
/// <remarks>Scoring goes by the file's order whatever this one is.</remarks>
internal sealed class ItemSelection
{
    private readonly HashSet<int>? _some;
    private readonly PythonRandom? _shuffler;

    /// <summary>Selects items.</summary>
    /// <param name="count">Items of the file.</param>
    /// <param name="limit">Items at most; null for all.</param>
    /// <param name="protocol">Says whether items are shuffled first.</param>
    public ItemSelection(int count, int? limit, EvaluationProtocol protocol)
    {
        Protocol = protocol;
        int[] order = [.. Enumerable.Range(0, count)];
        if (protocol.ShuffleSeed is int seed)
        {
            _shuffler = new PythonRandom(seed);
            _shuffler.Shuffle(order.AsSpan());
        }

        Order = order[..Math.Min(count, limit ?? count)];
        _some = Order.Count == count ? null : [.. Order];
        Last = Order.Count == 0 ? -1 : Order.Max();
    }

    /// <summary>The protocol.</summary>
    public EvaluationProtocol Protocol { get; }

    /// <summary>The selected items, in the protocol's order.</summary>
    public IReadOnlyList<int> Order { get; }

    /// <summary>Whether an item is selected.</summary>
    public bool Contains(int item) => _some?.Contains(item) ?? true;

    /// <summary>The selected item that comes last in the file; −1 if there is none.</summary>
    public int Last { get; }

    /// <summary>What draws examples, for each item of <see cref="Order"/> in turn. Call it once: the shuffle's generator goes on.</summary>
    public PythonRandom ExampleGenerator() => Protocol.FewShotSeed is int seed
        ? new PythonRandom(seed)
        : _shuffler ?? throw new InvalidOperationException($"Protocol {Protocol.Name} names neither a seed for examples nor one for a shuffle.");
}
