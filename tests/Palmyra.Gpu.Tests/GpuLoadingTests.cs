using System.Buffers.Binary;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Gpu.Driver;
using Palmyra.Testing;

namespace Palmyra.Gpu.Tests;

/// <summary>Weights on their way from a file to the device.</summary>
public sealed class GpuLoadingTests
{
    // As stored, stored otherwise, both on top of each other, 64-bit floats, which count as F32; with and without padding between rows.
    [Theory]
    [InlineData(MatrixFormat.F32, 64)]
    [InlineData(MatrixFormat.F32, 61)]
    [InlineData(MatrixFormat.F16, 64)]
    [InlineData(MatrixFormat.BF16, 64)]
    [InlineData(MatrixFormat.BF16, 61)]
    public void Weights_are_read_whatever_the_file_stores(MatrixFormat format, int cols)
    {
        const int Rows = 37;
        var views = new List<WeightView>();
        foreach (ElementType type in new[] { ElementType.F32, ElementType.F16, ElementType.BF16, ElementType.F64 })
        {
            // Numbers that all of them hold.
            float[] values = [.. Numbers.Spread(3, Rows * cols).Select(value => MathF.Round(value * 64) / 64)];
            var bytes = new byte[values.Length * type.Size()];
            for (int i = 0; i < values.Length; i++)
            {
                Span<byte> to = bytes.AsSpan(i * type.Size());
                switch (type)
                {
                    case ElementType.F64:
                        BinaryPrimitives.WriteDoubleLittleEndian(to, values[i]);
                        break;
                    case ElementType.F32:
                        BinaryPrimitives.WriteSingleLittleEndian(to, values[i]);
                        break;
                    case ElementType.F16:
                        BinaryPrimitives.WriteHalfLittleEndian(to, (Half)values[i]);
                        break;
                    default:
                        BinaryPrimitives.WriteUInt16LittleEndian(to, (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16));
                        break;
                }
            }

            long[] shape = [Rows, cols];
            views.Add(WeightView.Of(new TensorView($"{type}", type, shape, TensorView.RowMajor(shape), ByteSource.Of(bytes), 0, "memory")));
        }

        using IBackend gpu = InterpretedGpu.Create();
        foreach (WeightView view in (WeightView[])[.. views, WeightView.Stack([.. views])])
        {
            var expected = new float[view.Rows * cols];
            view.CopyRows(0, view.Rows, expected);
            using Matrix matrix = gpu.LoadMatrix(view, format);
            var actual = new float[expected.Length];
            gpu.ReadMatrix(matrix, actual);
            Assert.Equal(expected, actual);
        }
    }

    // Nothing is converted, so not even a NaN's bits change, which conversion would make quiet; and nothing but whole blocks goes to the driver.
    [Fact]
    public void What_is_stored_as_it_shall_be_goes_to_the_driver_as_it_is()
    {
        const int Rows = 1000;
        const int Cols = 8192;
        byte[] bytes = [.. Enumerable.Range(0, Rows * Cols).SelectMany(i => (byte[])[(byte)(i % 251), 0x7F])];
        long[] shape = [Rows, Cols];
        var tensor = new TensorView("w", ElementType.BF16, shape, TensorView.RowMajor(shape), ByteSource.Of(bytes), 0, "memory");
        using var driver = new WatchedDriver();
        using IBackend gpu = InterpretedGpu.Create(driver);
        using var matrix = (GpuMatrix)gpu.LoadMatrix(WeightView.Of(tensor), MatrixFormat.BF16);
        Assert.Equal(2, driver.Count(nameof(IGpuDriver.CopyIn)));
        var found = new byte[bytes.Length];
        driver.CopyOut(found, matrix.Address);
        Assert.Equal(bytes, found);
    }
}
