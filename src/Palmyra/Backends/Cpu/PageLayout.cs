using Palmyra.Diagnostics;

namespace Palmyra.Backends.Cpu;

/// <summary>How a cache page lies in memory: keys [H] of {[D][page size], scales}, values [H] of {[page size][D to 16], scales}.</summary>
/// <remarks>Scales, [page size] floats, are there in Q8 alone. All offsets and strides are bytes.</remarks>
internal readonly struct PageLayout
{
    public PageLayout(CacheFormat format, int heads, int headDim, int pageSize)
    {
        (Format, Heads, HeadDim, PageSize) = (format, heads, headDim, pageSize);
        ElementSize = format switch { CacheFormat.F32 => sizeof(float), CacheFormat.F16 => sizeof(ushort), _ => sizeof(sbyte) };
        PaddedDim = Kernels.Attending.PaddedDim(headDim);
        Int128 page = (Int128)heads * PaddedDim * pageSize;
        if (page > int.MaxValue)
        {
            throw new BackendException(
                $"A cache page of {pageSize} tokens with {heads} heads of {headDim} is {page:N0} numbers a layer, more than the {int.MaxValue:N0} allowed; use smaller pages.");
        }

        nint scales = Scaled ? (nint)pageSize * sizeof(float) : 0;
        KeyScales = (nint)headDim * pageSize * ElementSize;
        ValueScales = (nint)PaddedDim * pageSize * ElementSize;
        KeyHeadStride = KeyScales + scales;
        ValueHeadStride = ValueScales + scales;
        KeyPageStride = heads * KeyHeadStride;
        ValuePageStride = heads * ValueHeadStride;
    }

    public CacheFormat Format { get; }

    public int Heads { get; }

    public int HeadDim { get; }

    /// <summary>Tokens of a page.</summary>
    public int PageSize { get; }

    /// <summary>Numbers of a value slot: D rounded up to sixteen.</summary>
    public int PaddedDim { get; }

    /// <summary>Bytes of a number.</summary>
    public int ElementSize { get; }

    /// <summary>Whether numbers are integers with a scale for each slot.</summary>
    public bool Scaled => Format == CacheFormat.Q8;

    /// <summary>From a head's keys to their scales.</summary>
    public nint KeyScales { get; }

    /// <summary>From a head's values to their scales.</summary>
    public nint ValueScales { get; }

    /// <summary>From the keys of a head to those of the next.</summary>
    public nint KeyHeadStride { get; }

    /// <summary>From the values of a head to those of the next.</summary>
    public nint ValueHeadStride { get; }

    /// <summary>From a page of keys to the next.</summary>
    public nint KeyPageStride { get; }

    /// <summary>From a page of values to the next.</summary>
    public nint ValuePageStride { get; }
}
