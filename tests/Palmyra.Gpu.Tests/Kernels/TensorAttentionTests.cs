using Palmyra.Backends;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;
using Palmyra.Testing;
using Palmyra.Testing.Ptx;
using Xunit.Abstractions;

namespace Palmyra.Gpu.Tests.Kernels;

/// <summary>Attention of many rows on tensor cores, interpreted, against the reference.</summary>
public sealed class TensorAttentionTests(ITestOutputHelper output)
{
    public static TheoryData<int, CacheFormat> Heads
    {
        get
        {
            var data = new TheoryData<int, CacheFormat>();
            foreach (int headDim in (ReadOnlySpan<int>)[1, 8, 20, 64, 80, 96, 128, 129, 256])
            {
                foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
                {
                    data.Add(headDim, format);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Heads))]
    public void Every_head_and_cache_is_right(int headDim, CacheFormat format)
    {
        foreach (int window in (ReadOnlySpan<int>)[0, 1, 40])
        {
            // Chunks of prompts with and without a past, one that ends with a tile, one with a key too many, a row that attends by itself.
            using var run = new AttentionRun
            {
                HeadDim = headDim, Format = format, Window = window, Sequences = [(100, 37), (3, 1), (0, 64), (0, 65), (17, 5)],
            };
            double error = run.Error();
            output.WriteLine($"window {window}: {error:P1} of what is allowed, {run.Product.TensorOperations} products");
            Assert.InRange(error, 0, 1);
            Assert.Equal(0, run.Product.BankConflicts);
        }
    }

    [Fact]
    public void Every_number_of_rows_is_right()
    {
        for (int rows = 1; rows <= 150; rows += rows < 20 ? 1 : 13)
        {
            using var run = new AttentionRun { Heads = 1, HeadDim = 24, Sequences = [(rows % 3 * 30, rows)], Window = rows % 2 * 33 };
            Assert.InRange(run.Error(), 0, 1);
        }
    }

    [Theory]
    [InlineData(CacheFormat.F32, 0)]
    [InlineData(CacheFormat.F16, 50)]
    [InlineData(CacheFormat.Q8, 0)]
    public void A_prompt_may_be_cut_anywhere(CacheFormat format, int window)
    {
        using var whole = new AttentionRun { HeadDim = 64, Format = format, Window = window, Sequences = [(0, 150)] };
        float[] expected = whole.Actual().Y;
        foreach (int[] counts in (int[][])[[64, 86], [17, 6, 99, 28]])
        {
            int past = 0;
            foreach (int count in counts)
            {
                using var part = new AttentionRun { HeadDim = 64, Format = format, Window = window, Sequences = [(past, count)] };
                float[] actual = part.Actual().Y;
                Assert.InRange(Numbers.SquaredError(expected.AsSpan(past * 128, count * 128), actual), 0, GpuBounds.OfAttention(64, 0.2f));
                past += count;
            }
        }
    }

    [Fact]
    public void A_sequence_does_not_depend_on_its_neighbours()
    {
        using var alone = new AttentionRun { HeadDim = 32, Sequences = [(9, 70)] };
        using var among = new AttentionRun { HeadDim = 32, Sequences = [(9, 70), (0, 100), (40, 1)] };
        Assert.Equal(alone.Actual().Y, among.Actual().Y[..(70 * 64)]);
    }

    [Fact]
    public void Tiles_that_no_query_sees_are_left_out()
    {
        // 64 queries of the last tile with a window of 10 see keys 119 to 191, two tiles of 64; of the first warp's tile the second is beyond
        // its last, of the others' the first is before their window.
        using var run = new AttentionRun { Heads = 1, HeadDim = 64, Window = 10, Sequences = [(128, 64)] };
        Assert.InRange(run.Error(), 0, 1);

        // A warp and tile: scores and values are 64 x 16 x 64 each, the sums of exponentials four products.
        const int Products = (2 * 64 * 16 * 64 / (16 * 8 * 16)) + 4;
        Assert.Equal(5 * Products, run.Product.TensorOperations);
    }

    [Theory]
    [InlineData(1e20f)]
    [InlineData(1e-20f)]
    [InlineData(3e4f)]
    public void Queries_of_any_size_keep_their_digits(float size)
    {
        // The scale makes up for it: the scores are as always, and so is what is allowed.
        using var usual = new AttentionRun { HeadDim = 40, Sequences = [(0, 70)] };
        using var run = new AttentionRun
        {
            HeadDim = 40, Sequences = [(0, 70)], Scale = 0.2f / size, Change = (_, _, row) => Multiply(row.AsSpan(0, 80), size),
        };
        Assert.InRange(Numbers.SquaredError(usual.Expected().Y, run.Actual().Y), 0, GpuBounds.OfAttention(40, 0.2f));
    }

    [Theory]
    [InlineData(CacheFormat.F32, 40, 1e6f)]
    [InlineData(CacheFormat.F32, 40, -1e6f)]
    [InlineData(CacheFormat.F32, 80, 1e6f)]
    [InlineData(CacheFormat.F32, 80, float.NaN)]
    [InlineData(CacheFormat.F32, 40, float.PositiveInfinity)]
    [InlineData(CacheFormat.F16, 80, float.NegativeInfinity)]
    [InlineData(CacheFormat.F16, 40, float.NaN)]
    [InlineData(CacheFormat.Q8, 40, 1e7f)]
    [InlineData(CacheFormat.Q8, 80, 1e7f)]
    [InlineData(CacheFormat.Q8, 80, float.NaN)]
    public void What_a_half_cannot_hold_is_done_over_in_floats(CacheFormat format, int part, float value)
    {
        // Keys are at 40, values at 80. A token of the second sequence is spoiled that queries of all its warps and tiles see and some do not.
        using var run = new AttentionRun
        {
            Heads = 1, HeadDim = 40, Format = format, Sequences = [(0, 70), (5, 66)], Scale = part == 40 && float.IsFinite(value) ? 1e-6f : 0.2f,
            Change = (sequence, token, row) => row[part + 3] = sequence == 1 && token == 9 ? value : row[part + 3],
        };
        ((float[] y, float[] logSum), (float[] expected, float[] expectedLog)) = (run.Actual(), run.Expected());
        Assert.InRange(Numbers.SquaredError(expected[(70 * 40)..], y[(70 * 40)..]), 0, 1e-12);
        Assert.InRange(Numbers.SquaredError(expectedLog[70..], logSum[70..]), 0, 1e-12);

        // The first is another block's and is rounded.
        Assert.InRange(Numbers.SquaredError(expected[..(70 * 40)], y[..(70 * 40)]), 1e-12, GpuBounds.OfAttention(40, 0.2f));
    }

    [Theory]
    [InlineData(CacheFormat.F32, 84, 1e6f, 0)]
    [InlineData(CacheFormat.F32, 68, 1e6f, 30)]
    [InlineData(CacheFormat.Q8, 84, 1e7f, 30)]
    [InlineData(CacheFormat.F16, 131, float.PositiveInfinity, 30)]
    public void One_head_is_done_over_and_the_other_is_not(CacheFormat format, int headDim, float value, int window)
    {
        // A value of the second head.
        using var run = new AttentionRun
        {
            HeadDim = headDim, Format = format, Window = window, Sequences = [(5, 40)],
            Change = (_, token, row) => row[(5 * headDim) + 3] = token == 9 ? value : row[(5 * headDim) + 3],
        };
        ((float[] y, float[] logSum), (float[] expected, float[] expectedLog)) = (run.Actual(), run.Expected());
        Assert.InRange(Numbers.SquaredError(OfHead(expected, 1), OfHead(y, 1)), 0, 1e-12);
        Assert.InRange(Numbers.SquaredError(OfHead(expected, 0), OfHead(y, 0)), 1e-12, GpuBounds.OfAttention(headDim, 0.2f));
        Assert.All(expectedLog, (log, i) => Assert.Equal(log, logSum[i], i % 2 == 1 ? 1e-5f : 1e-2f));

        float[] OfHead(float[] values, int head) => [.. values.Where((_, i) => i / headDim % 2 == head)];
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(false, 1e6f)]
    [InlineData(true, 1)]
    public void Results_are_the_same_where_nobody_wants_logarithms(bool exact, float size)
    {
        GemmPrecision precision = exact ? GemmPrecision.Exact : GemmPrecision.Rounded;
        // Of many rows, of one row in one chunk and in two.
        (int Past, int Count)[] sequences = [(0, 70), (3, 1), (130, 1)];
        using var with = new AttentionRun(precision) { HeadDim = 20, Sequences = sequences, Change = Large };
        using var without = new AttentionRun(precision) { HeadDim = 20, Sequences = sequences, Change = Large, LogSums = false };
        (float[] y, float[] logSum) = without.Actual();
        Assert.Equal(with.Actual().Y, y);
        Assert.All(logSum, value => Assert.Equal(0, value));

        void Large(int sequence, int token, float[] row) => Multiply(row.AsSpan(80), size);
    }

    [Fact]
    public void Weights_sum_to_one()
    {
        // Values that are one power of two come back as they are, if what weights sum to is what they were divided by.
        using var run = new AttentionRun
        {
            HeadDim = 16, Sequences = [(0, 100)], Scale = 1, Change = (_, _, row) => row.AsSpan(64).Fill(0.25f),
        };
        Assert.All(run.Actual().Y, value => Assert.Equal(0.25f, value, 1e-7f));
    }

    [Theory]
    [InlineData(64, CacheFormat.F16, "cp.async.wait_all;", "", 2)]
    [InlineData(64, CacheFormat.F16, "bar.sync\t0;", "", 5)]
    [InlineData(64, CacheFormat.F32, "bar.sync\t0;", "", 5)]
    [InlineData(64, CacheFormat.Q8, "bar.sync\t0;", "", 5)]
    [InlineData(64, CacheFormat.F32, "xor.b32", "or.b32", 5)]
    [InlineData(64, CacheFormat.F16, "xor.b32", "or.b32", 5)]
    [InlineData(128, CacheFormat.F16, "cp.async.wait_all;", "", 2)]
    [InlineData(128, CacheFormat.F16, "bar.sync\t0;", "", 5)]
    [InlineData(256, CacheFormat.F16, "bar.sync\t0;", "", 5)]
    [InlineData(256, CacheFormat.F32, "bar.sync\t0;", "", 5)]
    public void Each_wait_barrier_and_turn_is_needed(int headDim, CacheFormat format, string right, string wrong, int least)
    {
        int places = 0;
        for (bool found = true; found; places++)
        {
            found = false;
            string Without(string text)
            {
                int at = -1;
                for (int i = 0; i <= places; i++)
                {
                    at = text.IndexOf(right, at + 1, StringComparison.Ordinal);
                    if (at < 0)
                    {
                        return text + "\n";
                    }
                }

                found = true;
                return text[..at] + wrong + text[(at + right.Length)..];
            }

            using var run = new AttentionRun(edit: Without)
            {
                Heads = headDim == 64 ? 2 : 1, HeadDim = headDim, Format = format, Sequences = [(10, headDim == 64 ? 150 : 70)],
            };
            double error = ErrorOrFailure(run);
            Assert.True(found ? error > 10 : error <= 1, $"Place {places}: {error:P0} of what is allowed.");
        }

        Assert.True(places > least, $"{places - 1} places.");
    }

    [Theory]
    [InlineData(64, "{p0, p1, p2, p3}", "{p0, p2, p1, p3}")]
    [InlineData(64, "{p12, p13, p14, p15}", "{p8, p9, p10, p11}")]
    [InlineData(64, "{a0, a1, a2, a3}, {b0, b1}", "{a0, a1, a2, a3}, {b1, b0}")]
    [InlineData(64, "{o8, o9, o10, o11}, {p0", "{o12, o13, o14, o15}, {p0")]
    [InlineData(64, "x4.trans.shared", "x4.shared")]
    [InlineData(64, "setp.lt.u32 seen, back", "setp.le.u32 seen, back")]
    [InlineData(64, "sub.s32 back, %r", "add.s32 back, %r")]
    [InlineData(64, "mul.f32 o2, o2, s1", "mul.f32 o2, o2, s0")]
    [InlineData(64, "mul.f32 l2, l2, s1", "mul.f32 l2, l2, s0")]
    [InlineData(64, "x0, 2, 31, -1", "x0, 1, 31, -1")]
    [InlineData(64, "mov.f32 f1,", "mov.f32 f0,")]
    [InlineData(64, "h1, %f", "h0, %f")]
    [InlineData(128, "{o56, o57, o58, o59}, {p8", "{o60, o61, o62, o63}, {p8")]
    [InlineData(128, "mul.f32 o62, o62, s1", "mul.f32 o62, o62, s0")]
    [InlineData(256, "{o124, o125, o126, o127}, {p4", "{o120, o121, o122, o123}, {p4")]
    [InlineData(256, "mul.f32 o126, o126, s1", "mul.f32 o126, o126, s0")]
    [InlineData(256, "[pb+992], {o126, o127}", "[pb+992], {o124, o125}")]
    [InlineData(256, "{o64, o65, o66, o67}, {p0, p1, p2, p3}, {b0, b1}", "{o64, o65, o66, o67}, {p0, p1, p2, p3}, {b2, b3}")]
    public void A_swapped_number_is_noticed(int headDim, string right, string wrong)
    {
        using var run = new AttentionRun(edit: text => text.Replace(right, wrong, StringComparison.Ordinal))
        {
            Heads = 128 / Math.Min(128, headDim), HeadDim = headDim, Sequences = [(30, headDim == 64 ? 130 : 70)], Window = 90, Scale = 1,
            Change = (_, token, row) => Multiply(row.AsSpan(0, row.Length / 3), token % 2 == 0 ? 1 : 0.3f),
        };
        double error = ErrorOrFailure(run);
        Assert.True(error > 10, $"{error:P0} of what is allowed.");
    }

    [Theory]
    [InlineData(CacheFormat.F32)]
    [InlineData(CacheFormat.F16)]
    [InlineData(CacheFormat.Q8)]
    public void Kernels_keep_their_numbers_in_registers(CacheFormat format)
    {
        using var compiler = new KernelCompiler();

        // Named registers, of which copying and rounding have their own; shared memory for eight, four and three blocks of a multiprocessor
        // (227 KB; compute capability 8.0 has 164), and within the 99 KB that a block of 8.6 may have.
        Check(TensorAttention.Kernel<NarrowHeads>(format), 125, 24);
        Check(TensorAttention.Kernel<MiddleHeads>(format), 157, 48);
        Check(TensorAttention.Kernel<WideHeads>(format), 197, 66);

        void Check((Delegate Kernel, int SharedBytes) attention, int registers, int kilobytes)
        {
            PtxKernel kernel = compiler.Compile(attention.Kernel, TensorAttention.Threads);
            PtxText text = PtxText.Read(kernel.Text);
            output.WriteLine($"{kernel.Name}: {text.NamedRegisters} named registers, {attention.SharedBytes} bytes");
            Assert.Equal((0, true), (text.LocalBytes, text.UsesDynamicShared));
            Assert.DoesNotContain(".local", kernel.Text, StringComparison.Ordinal);
            Assert.InRange(text.NamedRegisters, 1, registers);
            Assert.Equal((kilobytes << 10, 3 << 9), (attention.SharedBytes, text.SharedBytes));
        }
    }

    private double ErrorOrFailure(AttentionRun run)
    {
        try
        {
            return run.Error();
        }
        catch (PtxFailure failure)
        {
            output.WriteLine(failure.Message);
            return double.PositiveInfinity;
        }
    }

    private static void Multiply(Span<float> numbers, float factor)
    {
        foreach (ref float number in numbers)
        {
            number *= factor;
        }
    }
}
