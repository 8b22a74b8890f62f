using System.Runtime.InteropServices;
using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;
using Palmyra.Gpu.Kernels;

namespace Palmyra.Gpu;

// The cache and attention over it. Attention without a cache puts keys and values into a scratch cache of one layer first, so that there is
// one set of kernels. Sequences of a handful of rows attend row by row, in 32-bit floats; more rows on tensor cores, unless products are
// exact.
internal sealed partial class GpuBackend
{
    private readonly GpuScratch _page;
    private readonly GpuScratch _partials;

    // Chunks of each row and head that have left their part: zero between launches. A launch that is refused, or dropped with its step,
    // counts nothing, and one that runs counts to the end and back to zero; a kernel that stops midway is an error after which the driver
    // does nothing more for this process (CudaDriver.EndsContext). So no count is ever left over.
    private readonly GpuScratch _arrivals;
    private GpuKvCache? _uncached;

    // Of a tile of the kernel for many rows.
    private int Queries => Precision == GemmPrecision.Rounded ? TensorAttention.Queries : PrefillAttention.Queries;

    /// <inheritdoc/>
    public void StoreKeysValues(KvCache cache, int layer, Tensor qkv, PreparedBatch batch) =>
        Store(Of(cache), layer, Of(qkv), Of(batch).Tokens, Of(batch).FirstPages, Of(batch).Pages);

    /// <inheritdoc/>
    public void Attend(Tensor y, Tensor qkv, KvCache? cache, int layer, PreparedBatch batch, AttentionShape shape, Tensor? logSum)
    {
        GpuBatch prepared = Of(batch);
        GpuBatch.Ints firstPages = prepared.FirstPages;
        GpuBatch.Ints pages = prepared.Pages;
        if (cache is null)
        {
            (firstPages, pages, layer) = (prepared.FirstScratchPages, default, 0);
            cache = Uncached(shape, prepared.ScratchPages);
            Store(Of(cache), layer, Of(qkv), prepared.Tokens, firstPages, pages);
        }

        // Asked for in the first prompt already: to clear what is new would cut a decoding step in two.
        long rowsAndHeads = (long)prepared.Tokens.Length * shape.Heads;
        nint arrivals = _arrivals.Room(Math.Max(rowsAndHeads, 1) * sizeof(int));
        GpuKvCache stored = Of(cache);
        if (prepared.Tiles.Length > 0)
        {
            (Delegate kernel, int threads, int shared) = Prefill(stored.Format, shape.HeadDim);
            KernelArguments arguments = default;
            arguments.AddFloats(Of(y));
            arguments.AddFloats(logSum is null ? null : Of(logSum));
            AddKeys(ref arguments, prepared.Tiles);
            if (Precision == GemmPrecision.Rounded)
            {
                arguments.Add((long)stored.Numbers(layer));
            }

            _runtime.Launch(kernel, new LaunchShape(prepared.Tiles.Length / 2, shape.Heads, threads, shared), arguments);
        }

        if (prepared.Chunks.Length > 0)
        {
            int chunks = prepared.Chunks.Length / DecodeAttention.ChunkFields;
            long room = prepared.IsSplit ? PartialBytes(chunks, shape.Heads, shape.HeadDim) / 16 : 0;
            KernelArguments arguments = default;
            arguments.AddFloats(Of(y));
            arguments.AddFloats(logSum is null ? null : Of(logSum));
            arguments.AddView(prepared.IsSplit ? _partials.Room(room * 16) : 0, room);
            arguments.AddView(arrivals, rowsAndHeads);
            AddKeys(ref arguments, prepared.Chunks);
            _runtime.Launch(Decode(stored.Format), new LaunchShape(chunks, shape.Heads, DecodeAttention.Threads), arguments);
        }

        // What both kernels take after their own first parameters.
        void AddKeys(ref KernelArguments arguments, GpuBatch.Ints blocks)
        {
            arguments.AddFloats(Of(qkv));
            arguments.AddLayer(stored, layer);
            arguments.AddInts(blocks);
            arguments.AddInts(prepared.Tokens);
            arguments.AddInts(firstPages);
            arguments.AddInts(pages);
            arguments.Add(shape.HeadDim).Add(stored.PageSize).Add(shape.Window).Add(shape.Scale);
            arguments.Add(Of(y).Stride).Add(Of(qkv).Stride).Add(logSum is null ? 0 : Of(logSum).Stride);
        }
    }

    /// <summary>Scratch memory of chunks' parts of attention.</summary>
    internal static long PartialBytes(long chunks, int heads, int headDim) => chunks * heads * DecodeAttention.PartialPieces(headDim) * 16;

    /// <inheritdoc/>
    public void ReadPage(KvCache cache, int page, Span<float> destination)
    {
        GpuKvCache pages = Of(cache);
        int length = cache.PageLength / cache.Layers;
        nint scratch = _page.Room((long)cache.PageLength * sizeof(float));
        Delegate kernel = cache.Format switch
        {
            CacheFormat.F32 => Caching.ReadPage<F32Numbers, Float4>,
            CacheFormat.F16 => Caching.ReadPage<F16Numbers, Word4>,
            _ => Caching.ReadPage<Q8Numbers, Word2>,
        };
        for (int layer = 0; layer < cache.Layers; layer++)
        {
            KernelArguments arguments = default;
            arguments.AddView(scratch + ((nint)layer * length * sizeof(float)), length);
            arguments.AddLayer(pages, layer);
            arguments.Add(page).Add(cache.Heads).Add(cache.HeadDim).Add(cache.PageSize);
            _runtime.Launch(kernel, new LaunchShape(BlocksFor(pages.PageRows), 1, Caching.Threads), arguments);
        }

        _runtime.Driver.CopyOut(MemoryMarshal.AsBytes(destination), scratch);
    }

    /// <inheritdoc/>
    public void WritePage(KvCache cache, int page, ReadOnlySpan<float> values)
    {
        GpuKvCache pages = Of(cache);
        int width = cache.Heads * cache.HeadDim;
        nint scratch = _page.Room((long)cache.PageLength * sizeof(float));
        _runtime.Driver.CopyIn(scratch, MemoryMarshal.AsBytes(values));
        for (int layer = 0; layer < cache.Layers; layer++)
        {
            KernelArguments arguments = default;
            arguments.AddLayer(pages, layer);
            arguments.AddView(scratch, cache.PageLength);
            arguments.AddView(0, 0).AddView(0, 0).AddView(0, 0);
            arguments.Add(page).Add(cache.PageSize).Add(cache.Heads).Add(cache.HeadDim).Add(cache.PageSize);
            arguments.Add(2L * layer * cache.PageSize * width).Add(width).Add(cache.PageSize * width);
            _runtime.Launch(Storing(cache.Format), new LaunchShape(BlocksFor(pages.PageRows), 1, Caching.Threads), arguments);
        }
    }

    private void Store(GpuKvCache cache, int layer, GpuTensor qkv, GpuBatch.Ints tokens, GpuBatch.Ints firstPages, GpuBatch.Ints pages)
    {
        int width = cache.Heads * cache.HeadDim;
        KernelArguments arguments = default;
        arguments.AddLayer(cache, layer);
        arguments.AddFloats(qkv);
        arguments.AddInts(pages);
        arguments.AddInts(firstPages);
        arguments.AddInts(tokens);
        arguments.Add(0).Add(tokens.Length).Add(cache.Heads).Add(cache.HeadDim).Add(cache.PageSize);
        arguments.Add((long)width).Add(qkv.Stride).Add(width);
        int items = checked(tokens.Length * cache.Heads * 2);
        var launch = new KernelLaunch(Storing(cache.Format), new LaunchShape(BlocksFor(items), 1, Caching.Threads), arguments);
        _fusion.Store(launch, qkv.Address, cache, layer, tokens, firstPages, pages);
    }

    private GpuKvCache Uncached(AttentionShape shape, int pages)
    {
        if (_uncached is null || _uncached.Heads != shape.Heads || _uncached.HeadDim != shape.HeadDim || _uncached.Pages < pages)
        {
            if (shape.HeadDim > DecodeAttention.MostNumbers)
            {
                throw new BackendException(
                    $"The GPU backend's attention takes heads of up to {DecodeAttention.MostNumbers} numbers; found {shape.HeadDim}.");
            }

            _uncached?.Dispose();
            _uncached = null;
            _uncached = new GpuKvCache(
                1, shape.Heads, shape.HeadDim, pages, GpuBatch.ScratchPageSize, CacheFormat.F32, _runtime.Memory, _runtime.Driver);
        }

        return _uncached;
    }

    private static int BlocksFor(int warps) => (int)(((long)warps + (Caching.Threads / 32) - 1) / (Caching.Threads / 32));

    private static Delegate Storing(CacheFormat format) => format switch
    {
        CacheFormat.F32 => Caching.StoreKeysValues<F32Numbers, Float4>,
        CacheFormat.F16 => Caching.StoreKeysValues<F16Numbers, Word4>,
        _ => Caching.StoreKeysValues<Q8Numbers, Word2>,
    };

    // The kernel for many rows, its threads and its dynamic shared memory.
    private (Delegate Kernel, int Threads, int SharedBytes) Prefill(CacheFormat format, int headDim)
    {
        if (Precision == GemmPrecision.Rounded)
        {
            (Delegate onTensorCores, int shared) = headDim <= NarrowHeads.Size ? TensorAttention.Kernel<NarrowHeads>(format)
                : headDim <= MiddleHeads.Size ? TensorAttention.Kernel<MiddleHeads>(format)
                : TensorAttention.Kernel<WideHeads>(format);
            return (onTensorCores, TensorAttention.Threads, shared);
        }

        Delegate kernel = format switch
        {
            CacheFormat.F32 => PrefillAttention.Prefill<F32Numbers, Float4>,
            CacheFormat.F16 => PrefillAttention.Prefill<F16Numbers, Word4>,
            _ => PrefillAttention.Prefill<Q8Numbers, Word2>,
        };
        return (kernel, PrefillAttention.Threads, PrefillAttention.SharedBytes(headDim));
    }

    private static Delegate Decode(CacheFormat format) => format switch
    {
        CacheFormat.F32 => DecodeAttention.Decode<F32Numbers, Float4>,
        CacheFormat.F16 => DecodeAttention.Decode<F16Numbers, Word4>,
        _ => DecodeAttention.Decode<Q8Numbers, Word2>,
    };
}
