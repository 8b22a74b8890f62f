using System.Text.RegularExpressions;
using Palmyra.Backends;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;

namespace Palmyra.Gpu.Tests.Kernels;

/// <summary>Attention of single rows in chunks of keys: the last block of a row adds its chunks up.</summary>
public sealed partial class DecodeAttentionTests
{
    [Theory]
    [InlineData(CacheFormat.F32, 64, 0)]
    [InlineData(CacheFormat.F16, 20, 0)]
    [InlineData(CacheFormat.Q8, 256, 0)]
    [InlineData(CacheFormat.F32, 33, 140)]
    public void It_is_one_launch_and_the_same_bits_whatever_block_is_last(CacheFormat format, int headDim, int window)
    {
        // Rows of three, one, six and two chunks, and of a sequence with three new tokens.
        (int Past, int Count)[] sequences = [(300, 1), (5, 1), (700, 1), (128, 1), (254, 3)];
        using var run = new AttentionRun { HeadDim = headDim, Format = format, Window = window, Sequences = sequences };
        using var reversed = new AttentionRun { HeadDim = headDim, Format = format, Window = window, Sequences = sequences };
        reversed.Interpreter.ReverseBlocks = true;
        ((float[] y, float[] logSum), (float[] expected, float[] expectedLog)) = (run.Actual(), run.Expected());
        Assert.InRange(Numbers.SquaredError(expected, y), 0, 1e-12);
        Assert.InRange(Numbers.SquaredError(expectedLog, logSum), 0, 1e-12);
        Assert.Equal(y, reversed.Actual().Y);
        Assert.Equal(1, run.Interpreter.Statistics.Where(one => !one.Key.StartsWith("StoreKeysValues", StringComparison.Ordinal)).Sum(one => one.Value.Launches));

        // Counts are zero again: the next launch adds up what is there, not what one of its blocks has yet to write.
        Assert.Equal(y, run.Actual().Y);
        reversed.Interpreter.ReverseBlocks = false;
        Assert.Equal(y, reversed.Actual().Y);
    }

    [Fact]
    public void A_count_that_is_not_set_back_is_noticed()
    {
        // The one store to a count's address, of a zero.
        using var run = new AttentionRun(edit: text => CountStore().Replace(text, string.Empty)) { HeadDim = 16, Sequences = [(300, 1)] };
        float[] first = run.Actual().Y;
        Assert.NotEqual(first, run.Actual().Y);
    }

    /// <summary>What the interpreter, whose blocks run one after the other, cannot see: what a block writes is made visible before it is counted.</summary>
    [Fact]
    public void A_block_is_counted_behind_a_barrier_and_between_fences()
    {
        using var compiler = new KernelCompiler();
        string text = compiler.Compile(DecodeAttention.Decode<F32Numbers, Float4>, DecodeAttention.Threads).Text;
        Assert.Matches(Order(), text);
        Assert.Single(Regex.Matches(text, @"\batom\."));
    }

    // A barrier, then one thread's way to the fence, the addition and the other fence.
    [GeneratedRegex(
        @"bar\.sync\s+0;\s+setp[^;]*;\s+@%p\d+ bra\s+(?<way>L_\d+);.*\k<way>:\s+membar\.gl;[^:]*?atom\.add\.global[^;]*;\s+membar\.gl;",
        RegexOptions.Singleline)]
    private static partial Regex Order();

    [GeneratedRegex(@"(?<=membar\.gl;.*)st\.global\.[bsu]32\s+\[[^\]]*\],\s*[^;]*;", RegexOptions.Singleline)]
    private static partial Regex CountStore();
}
