using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Quantization;

namespace Palmyra.Checkpoints;

/// <summary>A matrix [rows = outputs, cols = inputs] as a checkpoint holds it, possibly transposed, possibly stacked from several tensors.</summary>
/// <remarks>
/// This is what <see cref="Backends.IBackend.LoadMatrix"/> reads. It hides the element type, GPT-2's [in, out] orientation, the three
/// separate q, k, v matrices of GPT-J and GPT-Neo, and matrices stored in panels of integers; it holds no numbers itself.
/// </remarks>
public sealed class WeightView
{
    private readonly IPart[] _parts;

    private WeightView(IPart[] parts)
    {
        _parts = parts;
        Cols = parts[0].Cols;
        foreach (IPart part in parts)
        {
            if (part.Cols != Cols)
            {
                throw new CheckpointException(
                    $"{part.Tensor.File}: tensor '{part.Tensor.Name}' has {part.Cols} columns where {Cols} were expected to stack it on '{parts[0].Tensor.Name}'.");
            }

            Rows = checked(Rows + part.Rows);
        }
    }

    /// <summary>Outputs.</summary>
    public int Rows { get; }

    /// <summary>Inputs.</summary>
    public int Cols { get; }

    /// <summary>The names of the tensors it is made of, for messages.</summary>
    public string Name => string.Join(" + ", _parts.Select(part => part.Tensor.Name));

    /// <summary>The file that holds it, or the first of its tensors, for messages.</summary>
    internal string File => _parts[0].Tensor.File;

    /// <summary>The format that holds its numbers exactly as they are stored: F32 where its tensors differ in type; 64-bit floats round to it.</summary>
    public MatrixFormat StoredFormat => Array.TrueForAll(_parts, part => part.Format == _parts[0].Format) ? _parts[0].Format : MatrixFormat.F32;

    /// <summary>Whether inputs come first in the file, so that a row is scattered and several neighbouring rows are quicker to read together.</summary>
    internal bool IsTransposed => Array.Exists(_parts, part => part is FloatPart { ColStride: not 1 });

    /// <summary>The panels it is stored in, whole; null if it is stored as floats, or if this is a part of such a matrix or more than one.</summary>
    public PackedMatrix? Packed => _parts is [PackedPart { IsWhole: true } whole] ? whole.Matrix : null;

    /// <summary>Views a two-dimensional tensor.</summary>
    /// <param name="tensor">[out, in], or [in, out] if <paramref name="transposed"/>; a vector counts as one row.</param>
    /// <param name="transposed">Whether the checkpoint stores inputs first (GPT-2's Conv1D).</param>
    /// <exception cref="CheckpointException">The tensor is not a matrix of floats.</exception>
    public static WeightView Of(TensorView tensor, bool transposed = false)
    {
        if (!tensor.Type.IsFloat() || tensor.Shape.Count is 0 or > 2 || tensor.Shape.Any(n => n is <= 0 or > int.MaxValue))
        {
            throw new CheckpointException(
                $"{tensor.File}: tensor '{tensor.Name}' was expected to be a matrix of floating-point numbers; found {tensor.Type} {tensor.ShapeText}.");
        }

        bool vector = tensor.Shape.Count == 1;
        int rows = vector ? 1 : (int)tensor.Shape[0];
        int cols = (int)tensor.Shape[^1];
        long rowStride = vector ? cols : tensor.Strides[0];
        long colStride = tensor.Strides[^1];
        return new WeightView([transposed
            ? new FloatPart(tensor, cols, rows, colStride, rowStride)
            : new FloatPart(tensor, rows, cols, rowStride, colStride)]);
    }

    /// <summary>Views a matrix stored in panels of integers: <see cref="Packed"/>, and its exact values as floats.</summary>
    /// <param name="tensor">U8 [panels, bytes of a panel], see <see cref="PanelLayout"/>.</param>
    /// <param name="rows">Outputs.</param>
    /// <param name="cols">Inputs.</param>
    /// <param name="format">Q8 or Q4.</param>
    /// <exception cref="CheckpointException">The tensor is not the bytes of such a matrix.</exception>
    public static WeightView OfPacked(TensorView tensor, int rows, int cols, MatrixFormat format) =>
        OfPacked(new PackedMatrix(tensor, rows, cols, format), 0, rows);

    /// <summary>Views rows [firstRow, firstRow + rows) of a matrix stored in panels. Neighbours stacked again are one.</summary>
    public static WeightView OfPacked(PackedMatrix matrix, int firstRow, int rows)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, matrix.Rows - firstRow);
        return new WeightView([new PackedPart(matrix, firstRow, rows)]);
    }

    /// <summary>One matrix on top of the other: rows add up, columns agree.</summary>
    public static WeightView Stack(params ReadOnlySpan<WeightView> views)
    {
        var parts = new List<IPart>();
        foreach (WeightView view in views)
        {
            foreach (IPart part in view._parts)
            {
                // q, k and v are asked for one by one; where the file has them stacked already they are one matrix again.
                if (part is PackedPart next && parts is [.., PackedPart last] && next.Matrix == last.Matrix && next.FirstRow == last.FirstRow + last.Rows)
                {
                    parts[^1] = last with { Rows = last.Rows + next.Rows };
                }
                else
                {
                    parts.Add(part);
                }
            }
        }

        return new WeightView([.. parts]);
    }

    /// <summary>Views row-major numbers in memory: what tests and freshly initialised models load.</summary>
    public static WeightView FromArray(string name, int rows, int cols, float[] values)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, checked(rows * cols));
        long[] shape = [rows, cols];
        return Of(new TensorView(name, ElementType.F32, shape, TensorView.RowMajor(shape), ByteSource.Of(values), 0, "memory"));
    }

    /// <summary>Copies rows [row, row + count) as floats, row-major [count, Cols].</summary>
    public void CopyRows(int row, int count, Span<float> destination)
    {
        for (int i = 0; i < count; i++)
        {
            (IPart part, int local) = Find(row + i);
            part.CopyRow(local, destination.Slice(i * Cols, Cols));
        }
    }

    /// <summary>The file's own bytes of up to <paramref name="most"/> rows from <paramref name="row"/> on, row-major.</summary>
    /// <returns>At least one row; or nothing where these rows do not lie so, in a run, as numbers of <paramref name="format"/>.</returns>
    internal ReadOnlySpan<byte> StoredRows(int row, int most, MatrixFormat format)
    {
        (IPart part, int local) = Find(row);
        return part is FloatPart floats && floats.Format == format ? floats.StoredRows(local, Math.Min(most, part.Rows - local)) : default;
    }

    /// <summary>Copies rows [row, row + count) turned on their side: destination[k·stride + i] = element (row + i, k).</summary>
    /// <remarks>This is the order a CPU panel stores; for GPT-2's [in, out] files each k is one straight copy.</remarks>
    public void CopyPanel(int row, int count, int stride, Span<float> destination)
    {
        for (int i = 0; i < count;)
        {
            (IPart part, int local) = Find(row + i);
            int run = Math.Min(count - i, part.Rows - local);
            part.CopyPanel(local, run, stride, destination[i..]);
            i += run;
        }
    }

    private (IPart Part, int Row) Find(int row)
    {
        foreach (IPart part in _parts)
        {
            if (row < part.Rows)
            {
                return (part, row);
            }

            row -= part.Rows;
        }

        throw new ArgumentOutOfRangeException(nameof(row));
    }

    private interface IPart
    {
        TensorView Tensor { get; }

        int Rows { get; }

        int Cols { get; }

        MatrixFormat Format { get; }

        void CopyRow(int row, Span<float> destination);

        void CopyPanel(int row, int count, int stride, Span<float> destination);
    }

    private sealed record PackedPart(PackedMatrix Matrix, int FirstRow, int Rows) : IPart
    {
        public bool IsWhole => Rows == Matrix.Rows;

        public TensorView Tensor => Matrix.Tensor;

        public int Cols => Matrix.Cols;

        public MatrixFormat Format => Matrix.Format;

        public void CopyRow(int row, Span<float> destination) => Matrix.CopyRow(FirstRow + row, destination);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void CopyPanel(int row, int count, int stride, Span<float> destination)
        {
            var values = new float[Cols];
            for (int i = 0; i < count; i++)
            {
                CopyRow(row + i, values);
                for (int k = 0; k < values.Length; k++)
                {
                    destination[(k * stride) + i] = values[k];
                }
            }
        }
    }

    private sealed record FloatPart(TensorView Tensor, int Rows, int Cols, long RowStride, long ColStride) : IPart
    {
        private const int Tile = 128;

        public MatrixFormat Format => Tensor.Type switch
        {
            ElementType.F16 => MatrixFormat.F16,
            ElementType.BF16 => MatrixFormat.BF16,
            _ => MatrixFormat.F32,
        };

        // 64-bit floats count as F32, which they round to.
        public ReadOnlySpan<byte> StoredRows(int row, int count) =>
            RowStride == Cols && ColStride == 1 && Tensor.Type != ElementType.F64
                ? Tensor.Source.Slice(Tensor.Offset + (row * RowStride * Tensor.Type.Size()), checked(count * Cols * Tensor.Type.Size()))
                : default;

        public void CopyRow(int row, Span<float> destination) => CopyRun(row * RowStride, ColStride, destination[..Cols]);

        // Loading is over before the runtime would have optimised this by itself, so it is told to do so at once.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void CopyPanel(int row, int count, int stride, Span<float> destination)
        {
            if (RowStride == 1)
            {
                for (int k = 0; k < Cols; k++)
                {
                    CopyRun(row + (k * ColStride), 1, destination.Slice(k * stride, count));
                }

                return;
            }

            // Rows lie along memory: take runs of four rows, and turn them while the piece of the panel is in the nearest cache.
            Span<float> runs = stackalloc float[4 * Tile];
            for (int k0 = 0; k0 < Cols; k0 += Tile)
            {
                int n = Math.Min(Tile, Cols - k0);
                int i = 0;
                for (; i + 4 <= count; i += 4)
                {
                    for (int r = 0; r < 4; r++)
                    {
                        CopyRun(((row + i + r) * RowStride) + (k0 * ColStride), ColStride, runs.Slice(r * Tile, n));
                    }

                    Span<float> column = destination[((k0 * stride) + i)..];
                    for (int k = 0; k < n; k++)
                    {
                        Vector128.Create(runs[k], runs[Tile + k], runs[(2 * Tile) + k], runs[(3 * Tile) + k]).CopyTo(column[(k * stride)..]);
                    }
                }

                for (; i < count; i++)
                {
                    CopyRun(((row + i) * RowStride) + (k0 * ColStride), ColStride, runs[..n]);
                    for (int k = 0; k < n; k++)
                    {
                        destination[((k0 + k) * stride) + i] = runs[k];
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void CopyRun(long element, long step, Span<float> destination)
        {
            int size = Tensor.Type.Size();
            if (step == 1)
            {
                Tensor.Type.ToFloats(Tensor.Source.Slice(Tensor.Offset + (element * size), destination.Length * size), destination);
                return;
            }

            for (int i = 0; i < destination.Length; i++)
            {
                Tensor.Type.ToFloats(Tensor.Source.Slice(Tensor.Offset + ((element + (i * step)) * size), size), destination.Slice(i, 1));
            }
        }
    }
}
