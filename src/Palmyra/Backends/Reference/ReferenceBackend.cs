using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Quantization;

namespace Palmyra.Backends.Reference;

/// <summary>The definition of every operation in plain loops with double sums; other backends are tested against it.</summary>
/// <remarks>Slow on purpose: nothing here is clever. This file is its memory, <c>ReferenceBackend.Forward.cs</c> its operations.</remarks>
public sealed partial class ReferenceBackend : IBackend
{
    /// <inheritdoc/>
    public string Description => "reference (plain loops, double sums, 1 thread)";

    /// <inheritdoc/>
    public int PreferredPageSize => 16;

    /// <inheritdoc/>
    public Tensor Allocate(int rows, int cols) => new ReferenceTensor(rows, cols);

    /// <inheritdoc/>
    public void Write(Tensor tensor, ReadOnlySpan<float> values) => values.CopyTo(Of(tensor).Data);

    /// <inheritdoc/>
    public void Read(Tensor tensor, Span<float> destination) => Of(tensor).Data.CopyTo(destination);

    /// <inheritdoc/>
    public Matrix LoadMatrix(WeightView weight, MatrixFormat format)
    {
        var matrix = new ReferenceMatrix(weight.Rows, weight.Cols, format);
        if (format.IsGrouped())
        {
            LoadGroups(matrix, weight);
            return matrix;
        }

        weight.CopyRows(0, weight.Rows, matrix.Data);
        for (int i = 0; i < matrix.Data.Length; i++)
        {
            float value = matrix.Data[i];
            float stored = format switch
            {
                MatrixFormat.F32 => value,
                MatrixFormat.F16 => (float)(Half)value,
                MatrixFormat.BF16 => RoundToBFloat16(value),
                _ => throw new BackendException($"The reference backend does not store weights as {format}; it knows F32, F16, BF16, Q8 and Q4."),
            };
            if (format == MatrixFormat.F16 && float.IsInfinity(stored) && float.IsFinite(value))
            {
                throw new BackendException(
                    $"Weight '{weight.Name}' holds {value}, beyond the range of F16 (±65504); load the model as bf16 or f32 instead.");
            }

            matrix.Data[i] = stored;
        }

        return matrix;
    }

    /// <inheritdoc/>
    public void ReadMatrix(Matrix matrix, Span<float> destination) => Of(matrix).Data.CopyTo(destination);

    /// <inheritdoc/>
    public KvCache CreateKvCache(int layers, int heads, int headDim, int pages, int pageSize, CacheFormat format) =>
        new ReferenceKvCache(layers, heads, headDim, pages, pageSize, format);

    /// <inheritdoc/>
    public void CopyPage(KvCache cache, int destination, int source)
    {
        ReferenceKvCache pages = Of(cache);
        for (int layer = 0; layer < cache.Layers; layer++)
        {
            pages.KeyPage(layer, source).CopyTo(pages.KeyPage(layer, destination));
            pages.ValuePage(layer, source).CopyTo(pages.ValuePage(layer, destination));
        }
    }

    /// <inheritdoc/>
    public void ReadPage(KvCache cache, int page, Span<float> destination)
    {
        foreach ((int layer, bool keys, int at, int length) in PageParts(cache))
        {
            (keys ? Of(cache).KeyPage(layer, page) : Of(cache).ValuePage(layer, page)).CopyTo(destination.Slice(at, length));
        }
    }

    /// <inheritdoc/>
    public void WritePage(KvCache cache, int page, ReadOnlySpan<float> values)
    {
        foreach ((int layer, bool keys, int at, int length) in PageParts(cache))
        {
            Of(cache).Store(values.Slice(at, length), keys ? Of(cache).KeyPage(layer, page) : Of(cache).ValuePage(layer, page));
        }
    }

    /// <inheritdoc/>
    public PreparedBatch Prepare(Batch batch, PreparedBatch? reuse) =>
        reuse is ReferenceBatch same && same.Source == batch ? same : new ReferenceBatch(batch);

    /// <inheritdoc/>
    public void Synchronize()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>The nearest value whose lower 16 bits are zero, ties to even; NaN stays NaN.</summary>
    internal static float RoundToBFloat16(float value)
    {
        if (float.IsNaN(value))
        {
            return value;
        }

        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint rounded = bits + 0x7FFF + ((bits >> 16) & 1);
        return BitConverter.UInt32BitsToSingle(rounded & 0xFFFF0000);
    }

    /// <summary>Quantises panel by panel and keeps what the integers mean: the arithmetic on them is that of any other matrix.</summary>
    private static void LoadGroups(ReferenceMatrix matrix, WeightView weight)
    {
        var panels = new MatrixPanels(weight, matrix.Format);
        for (int first = 0; first < weight.Rows; first += PanelLayout.PanelRows)
        {
            int index = first / PanelLayout.PanelRows;
            Span<byte> panel = matrix.Panels.AsSpan(index * panels.PanelBytes, panels.PanelBytes);
            panels.Copy(index, panel);
            for (int row = first; row < Math.Min(first + PanelLayout.PanelRows, weight.Rows); row++)
            {
                PanelLayout.CopyRow(matrix.Format, panel, row - first, matrix.Data.AsSpan(row * weight.Cols, weight.Cols));
            }
        }
    }

    private static IEnumerable<(int Layer, bool Keys, int At, int Length)> PageParts(KvCache cache)
    {
        int length = cache.PageSize * cache.Heads * cache.HeadDim;
        for (int part = 0; part < 2 * cache.Layers; part++)
        {
            yield return (part / 2, part % 2 == 0, part * length, length);
        }
    }

    private static ReferenceTensor Of(Tensor tensor) => (ReferenceTensor)tensor;

    private static ReferenceMatrix Of(Matrix matrix) => (ReferenceMatrix)matrix;

    private static ReferenceKvCache Of(KvCache cache) => (ReferenceKvCache)cache;
}
