using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Backends.Reference;
using Palmyra.Testing;

namespace Palmyra.Tests.Backends;

/// <summary>The largest logits: what is refused, and on backends that compute like sampling from all logits, its very bits.</summary>
public sealed class TopTests
{
    public static TheoryData<string> Backends => ["reference", "cpu"];

    [Theory]
    [MemberData(nameof(Backends))]
    public void Log_probabilities_are_samplings_to_the_bit_for_every_count(string name)
    {
        const int Vocabulary = 3001;
        using var backend = new CheckedBackend(name == "cpu" ? new CpuBackend() : new ReferenceBackend());
        float[] values = [.. Numbers.Spread(1, 2 * Vocabulary, 20)];
        using Tensor logits = OpCases.Tensor(backend, 2, Vocabulary, values);
        var ranked = new RankedTokens();
        foreach (int count in new[] { 1, 2, 51, 1024 })
        {
            using Tensor top = backend.Allocate(2, 3 * count);
            backend.Top(top, logits);
            float[] found = OpCases.Values(backend, top);
            for (int row = 0; row < 2; row++)
            {
                float[] z = values[(row * Vocabulary)..((row + 1) * Vocabulary)];
                double logSum = LogSumExp.Of(z);
                ranked.Load(z, count);
                ulong[] keys = ranked.Top(count).ToArray();
                Bits.Equal(
                    [
                        .. keys.Select(RankedTokens.Logit), .. keys.Select(key => (float)RankedTokens.Id(key)),
                        .. keys.Select(key => (float)(RankedTokens.Logit(key) - logSum)),
                    ],
                    found[(3 * count * row)..(3 * count * (row + 1))]);
            }
        }
    }

    [Theory]
    [InlineData(1, 4, "top was expected to be three times 1 to 20 columns; found 4.")]
    [InlineData(1, 63, "top was expected to be three times 1 to 20 columns; found 63.")]
    [InlineData(2, 3, "top was expected to be [1, 3]; found [2, 3].")]
    public void Another_shape_is_refused(int rows, int cols, string message)
    {
        using var backend = new CheckedBackend(new ReferenceBackend());
        using Tensor logits = backend.Allocate(1, 20);
        using Tensor top = backend.Allocate(rows, cols);
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => backend.Top(top, logits)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_than_the_most_are_refused()
    {
        using var backend = new CheckedBackend(new ReferenceBackend());
        using Tensor logits = backend.Allocate(1, 5000);
        using Tensor top = backend.Allocate(1, 3 * (IBackend.MostTop + 1));
        string message = Assert.Throws<ArgumentException>(() => backend.Top(top, logits)).Message;
        Assert.Contains("three times 1 to 1024 columns; found 3075", message, StringComparison.Ordinal);
        using Tensor wide = backend.Allocate(1, (1 << 24) + 1);
        using Tensor few = backend.Allocate(1, 3);
        message = Assert.Throws<ArgumentException>(() => backend.Top(few, wide)).Message;
        Assert.Contains("logits was expected to be at most 16777216 columns", message, StringComparison.Ordinal);
    }
}
