namespace Palmyra.Backends.Cpu;

/// <summary>Rows of floats in native memory, each starting on a cache line.</summary>
/// <remarks>
/// A row is padded to a multiple of sixteen floats. Kernels may write anything finite there and never let it reach a result, so
/// element-by-element loops need no tails.
/// </remarks>
internal sealed unsafe class CpuTensor : Tensor
{
    private readonly NativeBuffer _memory;

    public CpuTensor(int capacity, int cols)
        : base(capacity, cols)
    {
        Stride = PaddedTo16(cols);
        _memory = new NativeBuffer((Int128)capacity * Stride * sizeof(float), zero: true, $"a tensor of {capacity} x {cols}");
    }

    /// <summary>Floats from a row to the next.</summary>
    public nint Stride { get; }

    /// <summary>The first number.</summary>
    public float* Data => _memory.Floats;

    /// <summary>A row.</summary>
    public float* Row(int row) => _memory.Floats + (row * Stride);

    /// <summary>A row without its padding.</summary>
    public Span<float> RowSpan(int row) => new(Row(row), Cols);

    /// <inheritdoc/>
    public override void Dispose() => _memory.Dispose();

    private static int PaddedTo16(int cols) => checked(cols + 15) & ~15;
}
