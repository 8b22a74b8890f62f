using System.Numerics;
using Palmyra.Backends;

namespace Palmyra.Generation;

/// <summary>Brings back of a step's logits what its sequences need: the largest where those are enough, all where they are not.</summary>
/// <remarks>
/// Which of the two a sequence gets, and which numbers, follows from its job and its own row: what a neighbour needs never changes a text.
/// All rows are brought back if one of them needs all, by a copy that the others ignore.
/// </remarks>
/// <param name="backend">Where the logits lie.</param>
internal sealed class LogitsReader(IBackend backend) : IDisposable
{
    // By the logarithm of K, so that requests of several kinds that take turns allocate nothing.
    private readonly Tensor?[] _tops = new Tensor?[BitOperations.Log2(IBackend.MostTop) + 1];
    private float[] _largest = [];
    private float[] _all = [];
    private int _largestCols;
    private int _vocabulary;

    /// <summary>Reads; <see cref="Of"/> then holds the outcome until the next call.</summary>
    /// <param name="logits">[S, V].</param>
    /// <param name="ready">The S sequences, those whose jobs need few logits before the others.</param>
    public void Read(Tensor logits, List<Sequence> ready)
    {
        _vocabulary = logits.Cols;
        int few = 0;
        int most = 0;
        while (few < ready.Count && ready[few].Job.Largest is { } largest)
        {
            most = Math.Max(most, largest);
            few++;
        }

        if (few > 0)
        {
            logits.Rows = few;
            ReadLargest(logits, most);
            logits.Rows = ready.Count;
        }

        bool all = few < ready.Count;
        for (int i = 0; i < few && !all; i++)
        {
            all = !ready[i].Job.IsEnough(LargestOf(i));
        }

        if (all)
        {
            EnsureLength(ref _all, ready.Count * _vocabulary);
            backend.Read(logits, _all.AsSpan(0, ready.Count * _vocabulary));
        }
    }

    /// <summary>What came back of a row.</summary>
    /// <param name="row">Its number.</param>
    /// <param name="job">Its sequence's job.</param>
    public NextLogits Of(int row, GenerationJob job) => job.Largest is not null && job.IsEnough(LargestOf(row))
        ? new NextLogits(LargestOf(row))
        : new NextLogits(_all.AsSpan(row * _vocabulary, _vocabulary));

    public void Dispose()
    {
        foreach (Tensor? top in _tops)
        {
            top?.Dispose();
        }
    }

    private static void EnsureLength(ref float[] array, int length)
    {
        if (array.Length < length)
        {
            array = new float[length];
        }
    }

    private LargestLogits LargestOf(int row) => new(_largest.AsSpan(row * _largestCols, _largestCols));

    private void ReadLargest(Tensor logits, int most)
    {
        int size = BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)most));
        ref Tensor? top = ref _tops[size];
        if (top is null || top.Capacity < logits.Capacity)
        {
            top?.Dispose();
            top = null;
            top = backend.Allocate(logits.Capacity, 3 * Math.Min(1 << size, logits.Cols));
        }

        top.Rows = logits.Rows;
        backend.Top(top, logits);
        _largestCols = top.Cols;
        EnsureLength(ref _largest, top.Rows * top.Cols);
        backend.Read(top, _largest.AsSpan(0, top.Rows * top.Cols));
    }
}
