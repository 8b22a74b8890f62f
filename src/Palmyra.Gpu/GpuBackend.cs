using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu;

/// <summary>The operations on a GPU: this file is memory, the others hold the operations.</summary>
/// <remarks>
/// Every call enqueues kernels on the driver's one stream and returns; only <see cref="Read"/>, <see cref="ReadMatrix"/>,
/// <see cref="ReadPage"/> and <see cref="Synchronize"/> wait. From the <see cref="Prepare"/> of a small batch to the next call that waits,
/// some launches become one (<see cref="StepFusion"/>) and all are collected first (<see cref="StepDriver"/>). Scratch memory grows with the
/// largest sizes seen and is then kept, so that a step whose sizes were seen before allocates nothing. Arguments are validated by
/// <see cref="CheckedBackend"/>.
/// </remarks>
internal sealed partial class GpuBackend : IBackend
{
    /// <summary>Tokens of a cache page where a caller has no wish.</summary>
    public const int PageSize = 64;

    private readonly GpuRuntime _runtime;
    private readonly StepFusion _fusion;
    private readonly ConcurrentQueue<DevicePiece> _returned = new();

    // Rows with their padding, on their way to a caller who wants none; kept, since every step of generation reads.
    private float[] _padded = [];

    /// <summary>Takes a driver, which is disposed with this object.</summary>
    /// <param name="driver">NVIDIA's, or one that interprets PTX.</param>
    /// <param name="compiler">Where kernels come from; null for the process's own.</param>
    /// <param name="options">How it works; null for the usual.</param>
    public GpuBackend(IGpuDriver driver, KernelCompiler? compiler = null, GpuOptions? options = null)
    {
        options ??= new GpuOptions();
        _runtime = new GpuRuntime(driver, compiler ?? KernelCompiler.Default, options.Graphs);
        _fusion = new StepFusion(_runtime, options.FusedSteps);
        _indices = new GpuScratch(_runtime.Memory);
        _page = new GpuScratch(_runtime.Memory);
        _partials = new GpuScratch(_runtime.Memory);
        _arrivals = new GpuScratch(_runtime.Memory, _runtime.Driver);
        _logits = new GpuScratch(_runtime.Memory);
        _rounded = new GpuScratch(_runtime.Memory);
        _sums = new GpuScratch(_runtime.Memory);
        _lists = new GpuScratch(_runtime.Memory);
        GpuDevice device = driver.Device;
        Description = $"gpu ({device.Name}, sm_{device.Major}{device.Minor})";
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <summary>The driver, which counts launches, recordings and replays.</summary>
    public StepDriver Driver => _runtime.Driver;

    /// <summary>Whether launches of a step become one where they can; <see cref="GpuOptions.FusedSteps"/> at first.</summary>
    public bool FusesSteps
    {
        get => _fusion.Fuses;
        set => _fusion.Fuses = value;
    }

    /// <summary>Bytes of the pieces in use.</summary>
    public long UsedBytes => _runtime.Memory.UsedBytes;

    /// <summary>Bytes taken from the driver.</summary>
    public long ReservedBytes => _runtime.Memory.ReservedBytes;

    /// <inheritdoc/>
    public int PreferredPageSize => PageSize;

    /// <inheritdoc/>
    public Tensor Allocate(int rows, int cols)
    {
        var tensor = new GpuTensor(rows, cols, _runtime.Memory);
        _runtime.Driver.Clear(tensor.Address, tensor.Length * sizeof(float));
        return tensor;
    }

    /// <inheritdoc/>
    public void Write(Tensor tensor, ReadOnlySpan<float> values)
    {
        GpuTensor rows = Of(tensor);
        if (values.IsEmpty)
        {
            return;
        }

        if (rows.Stride == rows.Cols)
        {
            _runtime.Driver.CopyIn(rows.Address, MemoryMarshal.AsBytes(values));
            return;
        }

        var padded = new float[rows.Rows * rows.Stride];
        for (int row = 0; row < rows.Rows; row++)
        {
            values.Slice(row * rows.Cols, rows.Cols).CopyTo(padded.AsSpan(row * rows.Stride));
        }

        _runtime.Driver.CopyIn(rows.Address, MemoryMarshal.AsBytes(padded.AsSpan()));
    }

    /// <inheritdoc/>
    public void Read(Tensor tensor, Span<float> destination)
    {
        GpuTensor rows = Of(tensor);
        if (destination.IsEmpty)
        {
            return;
        }

        if (rows.Stride == rows.Cols)
        {
            _runtime.Driver.CopyOut(MemoryMarshal.AsBytes(destination), rows.Address);
            return;
        }

        int length = checked(rows.Rows * rows.Stride);
        if (_padded.Length < length)
        {
            _padded = new float[length];
        }

        _runtime.Driver.CopyOut(MemoryMarshal.AsBytes(_padded.AsSpan(0, length)), rows.Address);
        for (int row = 0; row < rows.Rows; row++)
        {
            _padded.AsSpan(row * rows.Stride, rows.Cols).CopyTo(destination[(row * rows.Cols)..]);
        }
    }

    /// <inheritdoc/>
    public Matrix LoadMatrix(WeightView weight, MatrixFormat format) => GpuMatrix.Load(weight, format, _runtime.Memory, _runtime.Driver);

    /// <inheritdoc/>
    public void ReadMatrix(Matrix matrix, Span<float> destination) => Of(matrix).Read(destination);

    /// <inheritdoc/>
    public KvCache CreateKvCache(int layers, int heads, int headDim, int pages, int pageSize, CacheFormat format) =>
        headDim > DecodeAttention.MostNumbers
            ? throw new BackendException($"The GPU backend's attention takes heads of up to {DecodeAttention.MostNumbers} numbers; found {headDim}.")
            : new GpuKvCache(layers, heads, headDim, pages, pageSize, format, _runtime.Memory, _runtime.Driver);

    /// <inheritdoc/>
    public void CopyPage(KvCache cache, int destination, int source)
    {
        if (destination == source)
        {
            return;
        }

        GpuKvCache pages = Of(cache);
        for (int layer = 0; layer < cache.Layers; layer++)
        {
            nint numbers = pages.Numbers(layer);
            _runtime.Driver.CopyWithin(
                numbers + (nint)(destination * pages.PageBytes), numbers + (nint)(source * pages.PageBytes), pages.PageBytes);
            if (pages.PageScaleBytes > 0)
            {
                nint scales = pages.Scales(layer);
                _runtime.Driver.CopyWithin(
                    scales + (nint)(destination * pages.PageScaleBytes), scales + (nint)(source * pages.PageScaleBytes), pages.PageScaleBytes);
            }
        }
    }

    /// <inheritdoc/>
    public PreparedBatch Prepare(Batch batch, PreparedBatch? reuse)
    {
        while (_returned.TryDequeue(out DevicePiece? piece))
        {
            piece.Dispose();
        }

        GpuBatch prepared = reuse is GpuBatch same && same.Source == batch ? same : new GpuBatch(batch, Queries, _returned);
        prepared.Prepare(_runtime);
        if (batch.Rows <= GpuBatch.MostStepRows)
        {
            _runtime.Driver.BeginStep();
        }
        else
        {
            _runtime.Driver.EndStep();
        }

        return prepared;
    }

    /// <inheritdoc/>
    public void Synchronize() => _runtime.Driver.Synchronize();

    /// <inheritdoc/>
    public void Dispose() => _runtime.Dispose();

    private static GpuTensor Of(Tensor tensor) => (GpuTensor)tensor;

    private static GpuMatrix Of(Matrix matrix) => (GpuMatrix)matrix;

    private static GpuKvCache Of(KvCache cache) => (GpuKvCache)cache;

    private static GpuBatch Of(PreparedBatch batch) => (GpuBatch)batch;
}
