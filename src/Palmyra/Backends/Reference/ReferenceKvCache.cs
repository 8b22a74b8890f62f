namespace Palmyra.Backends.Reference;

/// <summary>Keys and values as [layer][page][slot][H·D] in plain arrays.</summary>
internal sealed class ReferenceKvCache : KvCache
{
    private readonly float[][] _keys;
    private readonly float[][] _values;

    public ReferenceKvCache(int layers, int heads, int headDim, int pages, int pageSize)
        : base(layers, heads, headDim, pages, pageSize)
    {
        _keys = new float[layers][];
        _values = new float[layers][];
        for (int layer = 0; layer < layers; layer++)
        {
            _keys[layer] = new float[checked(pages * pageSize * Width)];
            _values[layer] = new float[checked(pages * pageSize * Width)];
        }
    }

    private int Width => Heads * HeadDim;

    public Span<float> Key(int layer, int page, int slot) => _keys[layer].AsSpan(((page * PageSize) + slot) * Width, Width);

    public Span<float> Value(int layer, int page, int slot) => _values[layer].AsSpan(((page * PageSize) + slot) * Width, Width);

    public Span<float> KeyPage(int layer, int page) => _keys[layer].AsSpan(page * PageSize * Width, PageSize * Width);

    public Span<float> ValuePage(int layer, int page) => _values[layer].AsSpan(page * PageSize * Width, PageSize * Width);

    public override void Dispose()
    {
    }
}
