using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Backends.Reference;
using Palmyra.Testing;

namespace Palmyra.Tests.Backends;

/// <summary>What each cache format does to a number, on both backends, and what it costs.</summary>
public class CacheFormatTests
{
    private const float SmallestNormal = 1.17549435e-38f;

    public static TheoryData<CacheFormat> Formats => [.. Enum.GetValues<CacheFormat>()];

    [Fact]
    public void F16_rounds_as_the_framework_does_and_saturates()
    {
        // Every half, the middle between it and the next, and the floats beside both.
        List<float> numbers = [];
        for (int bits = 0; bits < 0x7C00; bits++)
        {
            float number = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            float next = bits == 0x7BFF ? 65536 : (float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1));
            foreach (float around in (ReadOnlySpan<float>)[number, number + ((next - number) / 2)])
            {
                numbers.AddRange([around, MathF.BitDecrement(around), MathF.BitIncrement(around), -around]);
            }
        }

        numbers.AddRange([1e-30f, -float.Epsilon, 1e9f, -float.MaxValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN]);
        float[] expected = [.. numbers.Select(number =>
            float.IsFinite(number) ? (float)(Half)Math.Clamp(number, -65504f, 65504f) : number)];
        using var cpu = new CpuBackend(new CpuOptions { Threads = 1 });
        float[] found = Rounded(cpu, CacheFormat.F16, numbers);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                float.IsNaN(expected[i]) ? float.IsNaN(found[i]) : BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(found[i]),
                $"{numbers[i]:G9}: expected {expected[i]:G9}, found {found[i]:G9}");
        }

        Assert.Equal(expected, Rounded(new ReferenceBackend(), CacheFormat.F16, numbers));
    }

    [Fact]
    public void A_scale_of_Q8_read_back_gives_itself()
    {
        // All mantissas; exponents only shift them. Of scales themselves one in 128 would not come back, but m/127 is never one of those.
        for (int mantissa = 0; mantissa < 1 << 23; mantissa++)
        {
            float largest = BitConverter.Int32BitsToSingle(0x3F800000 + mantissa);
            float scale = largest / 127;
            float read = scale * 127;
            if (read / 127 != scale)
            {
                Assert.Fail($"{largest:G9} has the scale {scale:G9}, {read:G9} has {read / 127:G9}.");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_page_read_and_written_reads_the_same(CacheFormat format)
    {
        foreach (IBackend backend in (IBackend[])[new CpuBackend(new CpuOptions { Threads = 1 }), new ReferenceBackend()])
        {
            using IBackend owned = backend;
            using KvCache cache = backend.CreateKvCache(2, 4, 24, 2, 64, format);
            var first = new float[cache.PageLength];
            var second = new float[cache.PageLength];
            foreach (float scale in (ReadOnlySpan<float>)[1, 0.01f, 3e4f, 1e-6f, 1e-36f, 1e-44f, float.MaxValue])
            {
                backend.WritePage(cache, 0, Numbers.Spread(3, cache.PageLength, scale));
                backend.ReadPage(cache, 0, first);
                backend.WritePage(cache, 1, first);
                backend.ReadPage(cache, 1, second);
                Bits.Equal(first, second);
            }
        }
    }

    [Fact]
    public void Q8_is_off_by_half_a_scale_at_most()
    {
        using var cpu = new CpuBackend(new CpuOptions { Threads = 1 });
        using KvCache cache = cpu.CreateKvCache(1, 3, 20, 1, 16, CacheFormat.Q8);
        float[] numbers = Numbers.Spread(4, cache.PageLength, 5);
        var found = new float[numbers.Length];
        cpu.WritePage(cache, 0, numbers);
        cpu.ReadPage(cache, 0, found);
        for (int head = 0; head < numbers.Length; head += 20)
        {
            // Half a step, and as much again of the quotient's rounding and the product's as floats allow.
            float bound = numbers.AsSpan(head, 20).ToArray().Max(Math.Abs) / 254 * (1 + 1e-5f);
            for (int d = head; d < head + 20; d++)
            {
                Assert.InRange(found[d], numbers[d] - bound, numbers[d] + bound);
            }
        }
    }

    [Fact]
    public void Q8_of_next_to_nothing_is_zero_and_of_the_largest_floats_finite()
    {
        foreach (IBackend backend in (IBackend[])[new CpuBackend(new CpuOptions { Threads = 1 }), new ReferenceBackend()])
        {
            using IBackend owned = backend;
            Assert.All(Rounded(backend, CacheFormat.Q8, [0, -0f, 0]), number => Assert.Equal(0, number));
            Assert.All(Rounded(backend, CacheFormat.Q8, [100 * SmallestNormal, -float.Epsilon]), number => Assert.Equal(0, number));
            Assert.NotEqual(0, Rounded(backend, CacheFormat.Q8, [200 * SmallestNormal])[0]);
            Assert.Equal([3.4e38f, -3.4e38f], Rounded(backend, CacheFormat.Q8, [float.MaxValue, float.MinValue]).Select(found => MathF.Round(found / 1e37f) * 1e37f));
        }
    }

    public static TheoryData<CacheFormat, VectorWidth, float, bool> Poisons
    {
        get
        {
            var data = new TheoryData<CacheFormat, VectorWidth, float, bool>();
            foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
            {
                foreach (VectorWidth width in Enum.GetValues<VectorWidth>())
                {
                    data.Add(format, width, float.NaN, true);
                    data.Add(format, width, float.NaN, false);
                    data.Add(format, width, float.PositiveInfinity, false);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Poisons))]
    public void What_is_not_finite_stays_visible_to_all_who_see_it_and_to_no_one_else(CacheFormat format, VectorWidth width, float poison, bool key)
    {
        var shape = new AttentionShape(2, 20, 0.25f, 0);
        const int Length = 40, Token = 21;
        float[] numbers = Numbers.Spread(6, Length * 3 * shape.Width);

        // In head 1 alone, of a token in the middle.
        numbers[(((Token * 3) + (key ? 1 : 2)) * shape.Width) + shape.HeadDim + 7] = poison;
        using var backend = new CpuBackend(new CpuOptions { Threads = 2, VectorWidth = width });
        using KvCache cache = backend.CreateKvCache(1, shape.Heads, shape.HeadDim, 3, 16, format);
        using Tensor qkv = OpCases.Tensor(backend, Length, 3 * shape.Width, numbers);
        using Tensor y = backend.Allocate(Length, shape.Width);
        var batch = new Batch();
        batch.Add(new int[Length], past: 0, [2, 0, 1]);
        PreparedBatch prepared = backend.Prepare(batch, null);
        backend.StoreKeysValues(cache, 0, qkv, prepared);
        backend.Attend(y, qkv, cache, 0, prepared, shape, null);
        float[] found = OpCases.Values(backend, y);
        for (int row = 0; row < Length; row++)
        {
            for (int j = 0; j < shape.Width; j++)
            {
                // A key's poison is in every score; a value's in its own number alone, or in the whole head where they share a scale.
                bool sees = row >= Token && j >= shape.HeadDim && (key || format == CacheFormat.Q8 || j == shape.HeadDim + 7);
                Assert.True(float.IsFinite(found[(row * shape.Width) + j]) != sees, $"row {row}, number {j}: {found[(row * shape.Width) + j]}");
            }
        }
    }

    [Fact]
    public void Memory_halves_and_about_quarters()
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 1 });
        long[] bytes = [.. Enum.GetValues<CacheFormat>().Select(format =>
        {
            using KvCache cache = backend.CreateKvCache(3, 12, 64, 10, 64, format);
            Assert.Equal(format, cache.Format);
            return cache.Bytes;
        })];
        Assert.Equal(3L * 10 * 64 * 2 * 12 * 64 * sizeof(float), bytes[0]);
        Assert.Equal(bytes[0] / 2, bytes[1]);
        Assert.Equal((bytes[0] / 4) + (3L * 10 * 64 * 2 * 12 * sizeof(float)), bytes[2]);
        Assert.InRange(bytes[2] / (double)bytes[0], 0.25, 0.27);
    }

    [Fact]
    public void A_format_that_is_none_is_refused()
    {
        using var backend = new CheckedBackend(new ReferenceBackend());
        var error = Assert.Throws<ArgumentException>(() => backend.CreateKvCache(1, 1, 4, 1, 16, (CacheFormat)7));
        Assert.Contains("F32, F16 or Q8", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Numbers as a page gives them back, all in one head.</summary>
    private static float[] Rounded(IBackend backend, CacheFormat format, List<float> numbers)
    {
        using KvCache cache = backend.CreateKvCache(1, 1, numbers.Count, 1, 16, format);
        var page = new float[cache.PageLength];
        numbers.CopyTo(page);
        backend.WritePage(cache, 0, page);
        backend.ReadPage(cache, 0, page);
        return page[..numbers.Count];
    }
}
