using System.Runtime.Intrinsics;
using Palmyra.Backends.Cpu.Kernels;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Backends.Cpu;

/// <summary>The processor as a backend: panel-packed weights, vector kernels written once for four widths, a pool of fixed threads.</summary>
/// <remarks>
/// <para>A row's result is the same to the bit whatever other rows are in the batch, however a sequence was cut into steps, with an F32
/// cache or none, for every page size, thread count and vector width; F16 and Q8 caches round, and keep all the rest of this. Between
/// processors it may differ where one lacks fused multiply-add. How that is kept is said in each kernel's file.</para>
/// <para>Calls finish before they return. This file holds memory and batches; the others the operations by kind.</para>
/// </remarks>
public sealed unsafe partial class CpuBackend : IBackend
{
    private readonly KernelSet _kernels;
    private readonly WorkerPool _pool;
    private readonly WeightArena _weights = new();
    private readonly Ranking _ranking = new();
    private NativeBuffer? _packed;
    private NativeBuffer? _quantized;
    private NativeBuffer? _scratch;
    private NativeBuffer? _scores;
    private CpuKvCache? _own;

    /// <summary>Starts the worker threads.</summary>
    /// <param name="options">Threads and vector width; null for the defaults.</param>
    /// <exception cref="BackendException">An option is out of range.</exception>
    public CpuBackend(CpuOptions? options = null)
    {
        options ??= new CpuOptions();
        if (options.Threads is < 1 or > 1024)
        {
            throw new BackendException($"The CPU backend's option Threads must be from 1 to 1024; found {options.Threads}.");
        }

        VectorWidth width = options.VectorWidth ?? WidestAccelerated;
        if (!Enum.IsDefined(width))
        {
            throw new BackendException($"The CPU backend's option VectorWidth must be 32, 128, 256 or 512; found {(int)width}.");
        }

        Width = width;
        _kernels = KernelSet.Of(width);
        _pool = new WorkerPool(options.Threads);
    }

    /// <summary>The widest vectors the processor has instructions for.</summary>
    public static VectorWidth WidestAccelerated =>
        Vector512.IsHardwareAccelerated ? VectorWidth.Bits512
        : Vector256.IsHardwareAccelerated ? VectorWidth.Bits256
        : Vector128.IsHardwareAccelerated ? VectorWidth.Bits128
        : VectorWidth.Scalar;

    /// <summary>The width of the vectors in use.</summary>
    public VectorWidth Width { get; }

    /// <summary>The threads in use, the caller's included.</summary>
    public int Threads => _pool.Threads;

    /// <inheritdoc/>
    public string Description
    {
        get
        {
            string vectors = Width switch
            {
                VectorWidth.Scalar => "scalar",
                VectorWidth.Bits512 when Vector512.IsHardwareAccelerated => "AVX-512",
                VectorWidth.Bits256 when Vector256.IsHardwareAccelerated => "AVX2",
                _ => $"{(int)Width}-bit vectors",
            };
            return $"cpu ({vectors}, {Threads} thread{(Threads == 1 ? "" : "s")})";
        }
    }

    /// <inheritdoc/>
    public int PreferredPageSize => 64;

    /// <inheritdoc/>
    public Tensor Allocate(int rows, int cols) => new CpuTensor(rows, cols);

    /// <inheritdoc/>
    public void Write(Tensor tensor, ReadOnlySpan<float> values)
    {
        CpuTensor rows = Of(tensor);
        for (int i = 0; i < tensor.Rows; i++)
        {
            values.Slice(i * tensor.Cols, tensor.Cols).CopyTo(rows.RowSpan(i));
        }
    }

    /// <inheritdoc/>
    public void Read(Tensor tensor, Span<float> destination)
    {
        CpuTensor rows = Of(tensor);
        for (int i = 0; i < tensor.Rows; i++)
        {
            rows.RowSpan(i).CopyTo(destination[(i * tensor.Cols)..]);
        }
    }

    /// <inheritdoc/>
    public Matrix LoadMatrix(WeightView weight, MatrixFormat format)
    {
        ArgumentNullException.ThrowIfNull(weight);
        return CpuMatrix.Load(weight, format, _kernels.PanelWidth, _weights, _pool);
    }

    /// <inheritdoc/>
    public void ReadMatrix(Matrix matrix, Span<float> destination)
    {
        CpuMatrix source = Of(matrix);
        fixed (float* to = destination)
        {
            for (int row = 0; row < matrix.Rows; row++)
            {
                source.CopyRow(row, to + ((nint)row * matrix.Cols));
            }
        }
    }

    /// <inheritdoc/>
    public KvCache CreateKvCache(int layers, int heads, int headDim, int pages, int pageSize, CacheFormat format)
    {
        if (pageSize <= 0 || pageSize % 16 != 0)
        {
            throw new BackendException($"A cache page holds a multiple of 16 tokens; found {pageSize}.");
        }

        return new CpuKvCache(layers, heads, headDim, pages, pageSize, format);
    }

    /// <inheritdoc/>
    public void CopyPage(KvCache cache, int destination, int source) => Of(cache).Copy(destination, source);

    /// <inheritdoc/>
    public void ReadPage(KvCache cache, int page, Span<float> destination) => Of(cache).Read(page, destination);

    /// <inheritdoc/>
    public void WritePage(KvCache cache, int page, ReadOnlySpan<float> values) => Of(cache).Write(page, values);

    /// <inheritdoc/>
    public PreparedBatch Prepare(Batch batch, PreparedBatch? reuse)
    {
        CpuBatch prepared = reuse is CpuBatch known && ReferenceEquals(known.Source, batch) ? known : new CpuBatch(batch);
        prepared.Prepare(PreferredPageSize);
        return prepared;
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
    }

    /// <summary>Ends the threads and gives scratch memory back; tensors, matrices and caches are their owners' to dispose.</summary>
    public void Dispose()
    {
        _pool.Dispose();
        _weights.Dispose();
        _packed?.Dispose();
        _quantized?.Dispose();
        _scratch?.Dispose();
        _scores?.Dispose();
        _own?.Dispose();
    }

    private static CpuTensor Of(Tensor tensor) => (CpuTensor)tensor;

    private static CpuMatrix Of(Matrix matrix) => (CpuMatrix)matrix;

    private static CpuKvCache Of(KvCache cache) => (CpuKvCache)cache;

    private static CpuBatch Of(PreparedBatch batch) => (CpuBatch)batch;

    /// <summary>Memory of at least <paramref name="length"/> floats for each worker; returns the first worker's.</summary>
    private float* Scratch(int length, out nint stride)
    {
        stride = (length + 31) & ~15;
        _scratch = NativeBuffer.Grow(_scratch, (long)stride * Threads * sizeof(float), "scratch");
        return _scratch.Floats;
    }

    /// <summary>Items a worker takes at a time: about thirty helpings each, or everything when the whole is not worth waking anyone.</summary>
    private int Chunk(int items, long work) => work < InlineWork ? items : Math.Max(1, items / (32 * Threads));

    /// <summary>Floats touched, or a sixteenth of the operations, below which a region of several threads costs more than it saves.</summary>
    private const long InlineWork = 16384;
}
