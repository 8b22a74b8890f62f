using System.Runtime.InteropServices;
using Palmyra.Backends.Cpu.Kernels;

namespace Palmyra.Backends.Cpu;

/// <summary>Keys and values in the layouts attention reads: for each layer all pages of keys, then all pages of values, as <see cref="PageLayout"/> says.</summary>
/// <remarks>The memory is reserved at once and committed by the system as pages are first written.</remarks>
internal sealed unsafe class CpuKvCache : KvCache
{
    private readonly NativeBuffer _memory;
    private readonly PageLayout _layout;

    public CpuKvCache(int layers, int heads, int headDim, int pages, int pageSize, CacheFormat format)
        : base(layers, heads, headDim, pages, pageSize, format)
    {
        _layout = new PageLayout(format, heads, headDim, pageSize);
        _memory = new NativeBuffer(
            (Int128)layers * pages * (_layout.KeyPageStride + _layout.ValuePageStride), zero: false,
            $"a cache of {pages} pages of {pageSize} tokens in {layers} layers as {format}");
    }

    /// <inheritdoc/>
    public override long Bytes => _memory.Bytes;

    /// <summary>How a page lies in memory.</summary>
    public ref readonly PageLayout Layout => ref _layout;

    /// <summary>Whether an F16 cache has held neither infinities nor NaN so far, which a shorter kernel then serves.</summary>
    public bool IsFinite { get; set; } = true;

    /// <summary>Page 0 of a layer's keys.</summary>
    public byte* Keys(int layer) => _memory.Start + (layer * Pages * (_layout.KeyPageStride + _layout.ValuePageStride));

    /// <summary>Page 0 of a layer's values.</summary>
    public byte* Values(int layer) => Keys(layer) + (Pages * _layout.KeyPageStride);

    /// <summary>Copies a page over another in all layers.</summary>
    public void Copy(int destination, int source)
    {
        for (int layer = 0; layer < Layers; layer++)
        {
            Copy(Keys(layer), _layout.KeyPageStride, destination, source);
            Copy(Values(layer), _layout.ValuePageStride, destination, source);
        }
    }

    /// <summary>Copies a page out as floats, in the order of <see cref="IBackend.ReadPage"/>.</summary>
    public void Read(int page, Span<float> destination)
    {
        int width = Heads * HeadDim;
        for (int layer = 0; layer < Layers; layer++)
        {
            byte* keys = Keys(layer) + (page * _layout.KeyPageStride);
            byte* values = Values(layer) + (page * _layout.ValuePageStride);
            for (int slot = 0; slot < PageSize; slot++)
            {
                for (int j = 0; j < width; j++)
                {
                    (int head, int d) = Math.DivRem(j, HeadDim);
                    destination[(slot * width) + j] = Number(
                        keys + (head * _layout.KeyHeadStride), ((nint)d * PageSize) + slot, _layout.KeyScales, slot);
                    destination[((PageSize + slot) * width) + j] = Number(
                        values + (head * _layout.ValueHeadStride), ((nint)slot * _layout.PaddedDim) + d, _layout.ValueScales, slot);
                }
            }

            destination = destination[(2 * PageSize * width)..];
        }
    }

    /// <summary>Rounds a page in, as storing does.</summary>
    public void Write(int page, ReadOnlySpan<float> numbers)
    {
        int width = Heads * HeadDim;
        bool finite = true;
        fixed (float* source = numbers)
        {
            for (int layer = 0; layer < Layers; layer++)
            {
                float* keys = source + ((nint)layer * 2 * PageSize * width);
                finite &= StoreJob.StorePage(
                    _layout, Keys(layer) + (page * _layout.KeyPageStride), Values(layer) + (page * _layout.ValuePageStride),
                    keys, keys + ((nint)PageSize * width));
            }
        }

        IsFinite &= finite;
    }

    /// <inheritdoc/>
    public override void Dispose() => _memory.Dispose();

    private static void Copy(byte* pages, nint stride, int destination, int source) =>
        NativeMemory.Copy(pages + (source * stride), pages + (destination * stride), (nuint)stride);

    private float Number(byte* head, nint index, nint scales, int slot) => Format switch
    {
        CacheFormat.F32 => ((float*)head)[index],
        CacheFormat.F16 => (float)((Half*)head)[index],
        _ => ((sbyte*)head)[index] * ((float*)(head + scales))[slot],
    };
}
