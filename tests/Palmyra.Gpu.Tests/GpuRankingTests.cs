using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Testing;

namespace Palmyra.Gpu.Tests;

/// <summary>The largest logits on the GPU: a real vocabulary, and bits that depend on the row alone.</summary>
public sealed class GpuRankingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    [InlineData(1024)]
    public void Those_of_a_large_vocabulary_are_the_references(int count)
    {
        const int Vocabulary = 50257;
        float[] Run(IBackend backend)
        {
            using Tensor logits = OpCases.Tensor(backend, 1, Vocabulary, Numbers.Spread(3, Vocabulary, 12));
            using Tensor top = backend.Allocate(1, 3 * count);
            backend.Top(top, logits);
            return OpCases.Values(backend, top);
        }

        using var reference = new CheckedBackend(new ReferenceBackend());
        using var gpu = new CheckedBackend(InterpretedGpu.Create());
        (float[] expected, float[] found) = (Run(reference), Run(gpu));
        Assert.Equal(expected[..(2 * count)], found[..(2 * count)]);
        Assert.InRange(Numbers.SquaredError(expected.AsSpan(2 * count), found.AsSpan(2 * count)), 0, 1e-12);
    }

    [Fact]
    public void A_row_depends_neither_on_the_count_nor_on_other_rows()
    {
        const int Vocabulary = 2500;
        float[] values = Numbers.Spread(4, 3 * Vocabulary, 6);
        using var gpu = new CheckedBackend(InterpretedGpu.Create());
        string[] Best(int first, int rows, int count)
        {
            using Tensor logits = OpCases.Tensor(gpu, rows, Vocabulary, values[(first * Vocabulary)..((first + rows) * Vocabulary)]);
            using Tensor top = gpu.Allocate(rows, 3 * count);
            gpu.Top(top, logits);
            float[] found = OpCases.Values(gpu, top);
            return [.. Enumerable.Range(0, rows).Select(row => 3 * count * row).Select(at => $"{found[at]:R} {found[at + count]} {found[at + (2 * count)]:R}")];
        }

        string[] alone = [.. Enumerable.Range(0, 3).SelectMany(row => Best(row, 1, 1))];
        Assert.Equal(alone, Best(0, 3, 1));
        Assert.Equal(alone, Best(0, 3, 70));
        Assert.Equal(alone[1..], Best(1, 2, 1000));
    }

    [Fact]
    public void Reading_the_largest_again_and_again_allocates_nothing()
    {
        using var gpu = new CheckedBackend(InterpretedGpu.Create());
        using Tensor top = gpu.Allocate(2, 3);
        var values = new float[6];
        gpu.Read(top, values);
        long before = GC.GetAllocatedBytesForCurrentThread();
        gpu.Read(top, values);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
