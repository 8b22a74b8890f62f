using Palmyra.Backends.Cpu.Kernels;
using Palmyra.Diagnostics;

namespace Palmyra.Backends.Cpu;

/// <summary>Keys and values in the layouts attention reads: [layer][page] of keys [H][D][page size] and of values [H][page size][D to 16].</summary>
/// <remarks>The memory is reserved at once and committed by the system as pages are first written.</remarks>
internal sealed unsafe class CpuKvCache : KvCache
{
    private readonly NativeBuffer _memory;

    public CpuKvCache(int layers, int heads, int headDim, int pages, int pageSize)
        : base(layers, heads, headDim, pages, pageSize)
    {
        PaddedDim = Attending.PaddedDim(headDim);
        Int128 page = (Int128)heads * PaddedDim * pageSize;
        if (page > int.MaxValue)
        {
            throw new BackendException(
                $"A cache page of {pageSize} tokens with {heads} heads of {headDim} is {page:N0} numbers a layer, more than the {int.MaxValue:N0} allowed; use smaller pages.");
        }

        KeyPageStride = heads * headDim * pageSize;
        ValuePageStride = (nint)page;
        _memory = new NativeBuffer(
            (Int128)layers * pages * (KeyPageStride + ValuePageStride) * sizeof(float), zero: false,
            $"a cache of {pages} pages of {pageSize} tokens in {layers} layers");
    }

    /// <summary>Floats of a value slot.</summary>
    public int PaddedDim { get; }

    /// <summary>Floats from a page of keys to the next.</summary>
    public nint KeyPageStride { get; }

    /// <summary>Floats from a page of values to the next.</summary>
    public nint ValuePageStride { get; }

    /// <summary>Page 0 of a layer's keys.</summary>
    public float* Keys(int layer) => _memory.Floats + (layer * Pages * (KeyPageStride + ValuePageStride));

    /// <summary>Page 0 of a layer's values.</summary>
    public float* Values(int layer) => Keys(layer) + (Pages * KeyPageStride);

    /// <summary>Copies a page over another in all layers.</summary>
    public void Copy(int destination, int source)
    {
        for (int layer = 0; layer < Layers; layer++)
        {
            new ReadOnlySpan<float>(Keys(layer) + (source * KeyPageStride), (int)KeyPageStride)
                .CopyTo(new Span<float>(Keys(layer) + (destination * KeyPageStride), (int)KeyPageStride));
            new ReadOnlySpan<float>(Values(layer) + (source * ValuePageStride), (int)ValuePageStride)
                .CopyTo(new Span<float>(Values(layer) + (destination * ValuePageStride), (int)ValuePageStride));
        }
    }

    /// <summary>Where number (head, d) of a key lies in its page at <paramref name="slot"/>.</summary>
    public nint KeyIndex(int head, int d, int slot) => (((nint)(head * HeadDim) + d) * PageSize) + slot;

    /// <summary>Where number (head, d) of a value lies in its page at <paramref name="slot"/>.</summary>
    public nint ValueIndex(int head, int d, int slot) => ((((nint)head * PageSize) + slot) * PaddedDim) + d;

    /// <inheritdoc/>
    public override void Dispose() => _memory.Dispose();
}
