using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Testing;

namespace Palmyra.Tests.Backends;

public class CpuMatrixTests
{
    public static TheoryData<VectorWidth> Widths => [.. Enum.GetValues<VectorWidth>()];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Every_half_is_stored_and_multiplied_exactly(VectorWidth width) =>
        EveryValue(width, MatrixFormat.F16, bits => (float)BitConverter.UInt16BitsToHalf(bits));

    [Theory]
    [MemberData(nameof(Widths))]
    public void Every_half_below_128_is_stored_and_multiplied_exactly(VectorWidth width) =>
        EveryValue(width, MatrixFormat.F16, bits => Math.Abs((float)BitConverter.UInt16BitsToHalf(bits)) < 128 ? (float)BitConverter.UInt16BitsToHalf(bits) : 0);

    [Theory]
    [MemberData(nameof(Widths))]
    public void Every_bfloat16_is_stored_and_multiplied_exactly(VectorWidth width) =>
        EveryValue(width, MatrixFormat.BF16, bits => BitConverter.UInt32BitsToSingle((uint)bits << 16));

    [Fact]
    public void BFloat16_rounds_to_nearest_even()
    {
        Assert.Equal(0x3F80, ElementTypes.ToBF16(BitConverter.UInt32BitsToSingle(0x3F808000)));
        Assert.Equal(0x3F82, ElementTypes.ToBF16(BitConverter.UInt32BitsToSingle(0x3F818000)));
        Assert.Equal(0x3F81, ElementTypes.ToBF16(BitConverter.UInt32BitsToSingle(0x3F808001)));
        Assert.Equal(0x7F80, ElementTypes.ToBF16(float.MaxValue));
        Assert.True(float.IsNaN(BitConverter.UInt32BitsToSingle((uint)ElementTypes.ToBF16(BitConverter.UInt32BitsToSingle(0x7F800001)) << 16)));
    }

    [Fact]
    public void A_weight_beyond_half_range_is_refused_by_name()
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 2 });
        WeightView weight = WeightView.FromArray("h.0.mlp.c_fc.weight", 200, 2, [.. Enumerable.Range(0, 400).Select(i => i == 301 ? 70000f : 1f)]);
        var error = Assert.Throws<BackendException>(() => backend.LoadMatrix(weight, MatrixFormat.F16));
        Assert.Contains("h.0.mlp.c_fc.weight", error.Message, StringComparison.Ordinal);
        Assert.Contains("70000", error.Message, StringComparison.Ordinal);
        Assert.Contains("bf16", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Transposed_and_stacked_weights_read_back_as_they_are(VectorWidth width)
    {
        using var backend = new CpuBackend(new CpuOptions { Threads = 2, VectorWidth = width });
        float[] first = Numbers.Spread(1, 31 * 50);
        float[] second = Numbers.Spread(2, 7 * 31);
        long[] shape = [31, 50];
        byte[] bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(first.AsSpan()).ToArray();
        WeightView conv = WeightView.Of(
            new TensorView("conv", ElementType.F32, shape, TensorView.RowMajor(shape), ByteSource.Of(bytes), 0, "memory"), transposed: true);
        using Matrix matrix = backend.LoadMatrix(WeightView.Stack(conv, WeightView.FromArray("plain", 7, 31, second)), MatrixFormat.F32);
        var read = new float[57 * 31];
        backend.ReadMatrix(matrix, read);
        float[] expected = [.. from row in Enumerable.Range(0, 50) from col in Enumerable.Range(0, 31) select first[(col * 50) + row], .. second];
        Bits.Equal(expected, read);
    }

    private static void EveryValue(VectorWidth width, MatrixFormat format, Func<ushort, float> value)
    {
        // One input of 1: the output is the weight itself, through the kernel of one row and, with nine rows, through the widened block.
        using var backend = new CpuBackend(new CpuOptions { Threads = 1, VectorWidth = width });
        float[] values = [.. Enumerable.Range(0, 65536).Select(bits => value((ushort)bits))];
        using Matrix matrix = backend.LoadMatrix(WeightView.FromArray("all", values.Length, 1, values), format);
        var stored = new float[values.Length];
        backend.ReadMatrix(matrix, stored);
        foreach (int rows in new[] { 1, 9 })
        {
            using Tensor x = OpCases.Tensor(backend, rows, 1, [.. Enumerable.Repeat(1f, rows)]);
            using Tensor y = backend.Allocate(rows, values.Length);
            backend.Linear(y, x, matrix, null, Activation.None, null);
            float[] products = OpCases.Values(backend, y);
            for (int i = 0; i < values.Length; i++)
            {
                // 0 + 1·(−0) is +0; everything else comes back as it is, NaN as a NaN.
                Assert.True(values[i].Equals(stored[i]), $"0x{i:X4} is stored as {stored[i]:G9}, not {values[i]:G9}.");
                Assert.True(values[i].Equals(products[^(values.Length - i)]), $"0x{i:X4} is multiplied as {products[^(values.Length - i)]:G9}, not {values[i]:G9}.");
            }
        }
    }
}
