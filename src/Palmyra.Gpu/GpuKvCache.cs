using Palmyra.Backends;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu;

/// <summary>Keys and values in device memory.</summary>
/// <remarks>
/// <code>
/// numbers [layer][page][keys, values][head][slot][eights of numbers]   zeros behind a head's last number, up to a multiple of eight
/// scales  [layer][page][keys, values][head][slot] floats               of Q8 only
/// </code>
/// So the keys of a page and head lie in a run, the kernels read them in pieces of 16 bytes, and a page is one run in each layer.
/// </remarks>
internal sealed class GpuKvCache : KvCache
{
    private readonly DevicePiece _numbers;
    private readonly DevicePiece? _scales;

    public GpuKvCache(int layers, int heads, int headDim, int pages, int pageSize, CacheFormat format, DeviceMemory memory, IGpuDriver driver)
        : base(layers, heads, headDim, pages, pageSize, format)
    {
        // Kernels number the heads' rows of a layer with 32 bits.
        Int128 rows = (Int128)2 * heads * pageSize;
        Int128 pageBytes = rows * RowBytes(headDim, format);
        if (rows * pages > int.MaxValue || pageBytes * pages * layers > long.MaxValue)
        {
            throw new BackendException(
                $"A cache of {pages:N0} pages of {pageSize:N0} tokens for {layers:N0} layers of {heads:N0} heads of {headDim:N0} numbers "
                + "is too large for the GPU backend.");
        }

        PageRows = (int)rows;
        PageBytes = (long)pageBytes;
        PageScaleBytes = format == CacheFormat.Q8 ? (long)PageRows * sizeof(float) : 0;
        _numbers = memory.Allocate(layers * (pages * PageBytes));
        try
        {
            driver.Clear(_numbers.Address, _numbers.Bytes);
            if (PageScaleBytes > 0)
            {
                _scales = memory.Allocate(layers * (pages * PageScaleBytes));
                driver.Clear(_scales.Address, _scales.Bytes);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Bytes that a cache takes.</summary>
    public static long BytesOf(int layers, int heads, int headDim, int pages, int pageSize, CacheFormat format) =>
        checked(2L * layers * pages * heads * pageSize * (RowBytes(headDim, format) + (format == CacheFormat.Q8 ? sizeof(float) : 0)));

    /// <summary>Rows of a page in one layer: keys and values of each head and slot.</summary>
    public int PageRows { get; }

    /// <summary>Bytes of a page's numbers in one layer.</summary>
    public long PageBytes { get; }

    /// <summary>Bytes of a page's scales in one layer; 0 if there are none.</summary>
    public long PageScaleBytes { get; }

    /// <inheritdoc/>
    public override long Bytes => _numbers.Bytes + (_scales?.Bytes ?? 0);

    /// <summary>Where a layer's numbers lie.</summary>
    public nint Numbers(int layer) => _numbers.Address + (nint)(layer * (Pages * PageBytes));

    /// <summary>Where a layer's scales lie; 0 if there are none.</summary>
    public nint Scales(int layer) => _scales is null ? 0 : _scales.Address + (nint)(layer * (Pages * PageScaleBytes));

    /// <inheritdoc/>
    public override void Dispose()
    {
        _numbers.Dispose();
        _scales?.Dispose();
    }

    private static long RowBytes(int headDim, CacheFormat format) =>
        (headDim + 7) / 8 * (format switch { CacheFormat.F32 => 32L, CacheFormat.F16 => 16, _ => 8 });
}
