namespace Palmyra.Backends;

/// <summary>Memory for keys and values of all layers, cut into pages of <see cref="PageSize"/> tokens.</summary>
/// <remarks>
/// A page number means the same page in every layer. Which sequence owns which page is decided on the host
/// (<see cref="Batch"/> passes a sequence's page list); the backend only stores and reads.
/// </remarks>
public abstract class KvCache : IDisposable
{
    /// <summary>Describes a cache.</summary>
    protected KvCache(int layers, int heads, int headDim, int pages, int pageSize, CacheFormat format)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(headDim);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pages);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pageSize);
        Layers = layers;
        Heads = heads;
        HeadDim = headDim;
        Pages = pages;
        PageSize = pageSize;
        Format = format;
    }

    /// <summary>The number of layers.</summary>
    public int Layers { get; }

    /// <summary>The number of heads.</summary>
    public int Heads { get; }

    /// <summary>The width of a head.</summary>
    public int HeadDim { get; }

    /// <summary>The number of pages.</summary>
    public int Pages { get; }

    /// <summary>Tokens a page holds.</summary>
    public int PageSize { get; }

    /// <summary>How numbers are stored.</summary>
    public CacheFormat Format { get; }

    /// <summary>Bytes of memory it takes.</summary>
    public abstract long Bytes { get; }

    /// <summary>Numbers of one page over all layers, keys and values: the length <see cref="IBackend.ReadPage"/> needs.</summary>
    public int PageLength => checked(2 * Layers * Heads * HeadDim * PageSize);

    /// <summary>Gives the memory back. Using the cache afterwards is an error.</summary>
    public abstract void Dispose();
}
