using System.Text.RegularExpressions;
using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Diagnostics;
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
        IEnumerable<string> launched = run.Interpreter.Statistics.Keys
            .Where(name => !name.StartsWith("StoreKeysValues", StringComparison.Ordinal));
        Assert.Equal(1, run.Interpreter.Statistics[Assert.Single(launched)].Launches);

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

    /// <summary>Device memory is all ones where nothing was written, so a count that was not cleared shows.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Counts_begin_at_zero_where_they_grow_whatever_fails_meanwhile(bool fails)
    {
        const int Heads = 40;
        const int HeadDim = 4;
        using var driver = new WatchedDriver();
        using var gpu = new CheckedBackend(InterpretedGpu.Create(driver));
        using var reference = new CheckedBackend(new ReferenceBackend());
        using KvCache cache = Filled(gpu);
        using KvCache expected = Filled(reference);
        Attend(gpu, cache, 1);
        if (fails)
        {
            // Storing waits in the step, and is sent off before what is new is cleared.
            driver.Refuse = "Launch";
            Assert.Equal("Launch was refused.", Assert.Throws<BackendException>(() => Attend(gpu, cache, 2)).Message);
        }

        for (int time = 0; time < 2; time++)
        {
            Assert.InRange(Numbers.SquaredError(Attend(reference, expected, 2), Attend(gpu, cache, 2)), 0, 1e-12);
        }

        static KvCache Filled(IBackend backend)
        {
            KvCache cache = backend.CreateKvCache(1, Heads, HeadDim, 18, 16, CacheFormat.F32);
            for (int page = 0; page < cache.Pages; page++)
            {
                backend.WritePage(cache, page, Numbers.Spread(page, cache.PageLength));
            }

            return cache;
        }

        // Sequences of two chunks of keys.
        static float[] Attend(IBackend backend, KvCache cache, int sequences)
        {
            var batch = new Batch();
            for (int i = 0; i < sequences; i++)
            {
                batch.Add([0], 130, [.. Enumerable.Range(9 * i, 9)]);
            }

            using Tensor qkv = OpCases.Tensor(backend, sequences, 3 * Heads * HeadDim, Numbers.Spread(77, sequences * 3 * Heads * HeadDim));
            using Tensor y = backend.Allocate(sequences, Heads * HeadDim);
            PreparedBatch prepared = backend.Prepare(batch, null);
            backend.StoreKeysValues(cache, 0, qkv, prepared);
            backend.Attend(y, qkv, cache, 0, prepared, new AttentionShape(Heads, HeadDim, 0.5f, 0), null);
            return OpCases.Values(backend, y);
        }
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
