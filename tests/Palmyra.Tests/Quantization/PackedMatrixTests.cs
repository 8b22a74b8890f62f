using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Quantization;
using Palmyra.Testing;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Quantization;

public sealed class PackedMatrixTests
{
    public static TheoryData<MatrixFormat, int, int> Shapes => new()
    {
        { MatrixFormat.Q8, 48, 64 },
        { MatrixFormat.Q8, 33, 45 },
        { MatrixFormat.Q4, 48, 64 },
        { MatrixFormat.Q4, 7, 31 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Rows_and_panels_are_the_integers_times_their_scale(MatrixFormat format, int rows, int cols)
    {
        WeightView view = WeightView.OfPacked(Packed(format, rows, cols, out float[] expected), rows, cols, format);
        Assert.Equal((rows, cols, format), (view.Rows, view.Cols, view.StoredFormat));
        var values = new float[rows * cols];
        view.CopyRows(0, rows, values);
        Assert.Equal(expected, values);

        // Runs that begin and end inside panels, with room left between columns.
        int first = Math.Min(3, rows - 1);
        int count = Math.Min(21, rows - first);
        var panel = new float[cols * 25];
        view.CopyPanel(first, count, 25, panel);
        for (int i = 0; i < count; i++)
        {
            for (int k = 0; k < cols; k++)
            {
                Assert.Equal(expected[((first + i) * cols) + k], panel[(k * 25) + i]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_reference_backend_takes_the_stored_numbers_also_those_it_would_not_have_chosen(MatrixFormat format, int rows, int cols)
    {
        // Random integers, −128 and −8 among them, whose groups seldom have the largest number that a quantiser gives.
        WeightView view = WeightView.OfPacked(Packed(format, rows, cols, out float[] expected), rows, cols, format);
        using var backend = new ReferenceBackend();
        foreach (MatrixFormat loaded in new[] { format, MatrixFormat.F32 })
        {
            using Matrix matrix = backend.LoadMatrix(view, loaded);
            var values = new float[rows * cols];
            backend.ReadMatrix(matrix, values);
            Assert.Equal(expected, values);
        }
    }

    [Fact]
    public void Parts_stacked_in_order_are_the_matrix_again_and_others_are_not()
    {
        var matrix = new PackedMatrix(Packed(MatrixFormat.Q8, 30, 32, out float[] expected), 30, 32, MatrixFormat.Q8);
        WeightView[] parts = [.. Enumerable.Range(0, 3).Select(i => WeightView.OfPacked(matrix, 10 * i, 10))];
        Assert.All(parts, part => Assert.Null(part.Packed));
        Assert.Same(matrix, WeightView.Stack(parts).Packed);
        Assert.Null(WeightView.Stack(parts[0], parts[2]).Packed);
        Assert.Null(WeightView.Stack(parts[1], parts[0], parts[2]).Packed);
        WeightView mixed = WeightView.Stack(parts[2], WeightView.FromArray("f", 1, 32, new float[32]));
        Assert.Equal((null, MatrixFormat.F32, 11), (mixed.Packed, mixed.StoredFormat, mixed.Rows));
        var values = new float[320];
        parts[2].CopyRows(0, 10, values);
        Assert.Equal(expected[640..], values);
    }

    [Theory]
    [InlineData(ElementType.I8, 2, 1088, "U8 [2, 1088]")]
    [InlineData(ElementType.U8, 2, 1024, "U8 [2, 1088]")]
    [InlineData(ElementType.U8, 3, 1088, "found U8 [3, 1088]")]
    public void Bytes_of_another_count_are_refused(ElementType type, long panels, long bytes, string message)
    {
        long[] shape = [panels, bytes];
        var tensor = new TensorView("w.q8", type, shape, TensorView.RowMajor(shape), ByteSource.Of(new byte[panels * bytes]), 0, "some.safetensors");
        var failure = Assert.Throws<CheckpointException>(() => WeightView.OfPacked(tensor, 20, 64, MatrixFormat.Q8));
        Assert.StartsWith("some.safetensors: tensor 'w.q8' was expected to be U8 [2, 1088], a Q8 matrix [20, 64]", failure.Message);
        Assert.Contains(message, failure.Message);
    }

    [Fact]
    public void A_lease_keeps_the_file_mapped_after_the_checkpoint_is_closed_and_no_longer()
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = Bytes(MatrixFormat.Q4, 20, 64, out _);
        string path = folder["model.safetensors"];
        SafetensorsWriter.Write(path, [TensorSource.Of(Tensor(bytes, MatrixFormat.Q4, 20, 64))]);
        ByteLease lease, second;
        using (TensorFile file = TensorFile.Open(path))
        {
            PackedMatrix packed = WeightView.OfPacked(file.Tensors["w"], 20, 64, MatrixFormat.Q4).Packed!;
            lease = packed.Lease();
            second = packed.Lease();
        }

        second.Dispose();
        second.Dispose();
        Assert.Throws<ObjectDisposedException>(() => second.Address);
        Assert.Equal(bytes, Copy(lease));
        Assert.NotEqual(false, IsMapped(path));
        lease.Dispose();
        Assert.NotEqual(true, IsMapped(path));
    }

    [Fact]
    public void Bytes_in_memory_can_be_leased_too()
    {
        var floats = new float[] { 1, 2, 3, 4 };
        using (ByteLease lease = ByteSource.Of(floats).Lease(4, 8))
        {
            Assert.Equal(MemoryMarshal.AsBytes<float>([2, 3]).ToArray(), Copy(lease));
        }

        using (ByteLease lease = ByteSource.Of(new byte[] { 1, 2, 3, 4 }).Lease(1, 2))
        {
            Assert.Equal([2, 3], Copy(lease));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => ByteSource.Of(new byte[4]).Lease(3, 2));
    }

    internal static TensorView Tensor(byte[] bytes, MatrixFormat format, int rows, int cols)
    {
        long[] shape = [PanelLayout.Panels(rows), PanelLayout.PanelBytes(format, cols)];
        return new TensorView("w", ElementType.U8, shape, TensorView.RowMajor(shape), ByteSource.Of(bytes), 0, "memory");
    }

    private static TensorView Packed(MatrixFormat format, int rows, int cols, out float[] values) =>
        Tensor(Bytes(format, rows, cols, out values), format, rows, cols);

    /// <summary>Panels of random integers and scales, and what they mean.</summary>
    private static byte[] Bytes(MatrixFormat format, int rows, int cols, out float[] values)
    {
        var random = new Random(rows + cols);
        var bytes = new byte[PanelLayout.Bytes(format, rows, cols)];
        values = new float[rows * cols];
        int panelBytes = (int)PanelLayout.PanelBytes(format, cols);
        for (int row = 0; row < PanelLayout.Panels(rows) * PanelLayout.PanelRows; row++)
        {
            for (int group = 0; group < PanelLayout.Groups(cols); group++)
            {
                var quants = new sbyte[32];
                Half scale = row < rows ? (Half)(random.NextSingle() - 0.5f) : default;
                for (int k = 0; k < 32 && (group * 32) + k < cols && row < rows; k++)
                {
                    quants[k] = (sbyte)(format == MatrixFormat.Q8 ? random.Next(-128, 128) : random.Next(-8, 8));
                    values[(row * cols) + (group * 32) + k] = quants[k] * (float)scale;
                }

                PanelLayout.WriteGroup(format, bytes.AsSpan(row / 16 * panelBytes, panelBytes), row % 16, group, quants, scale);
            }
        }

        return bytes;
    }

    private static byte[] Copy(ByteLease lease)
    {
        var copy = new byte[lease.Length];
        Marshal.Copy(lease.Address, copy, 0, copy.Length);
        return copy;
    }

    /// <summary>Whether this process has a file mapped, where the system says.</summary>
    private static bool? IsMapped(string path) =>
        OperatingSystem.IsLinux() ? File.ReadLines("/proc/self/maps").Any(line => line.EndsWith(path, StringComparison.Ordinal)) : null;
}
