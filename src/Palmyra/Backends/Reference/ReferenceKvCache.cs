namespace Palmyra.Backends.Reference;

/// <summary>Keys and values as [layer][page][slot][H·D] in plain arrays, rounded to <see cref="KvCache.Format"/> and held as 32-bit floats.</summary>
internal sealed class ReferenceKvCache : KvCache
{
    private const float SmallestNormal = 1.17549435e-38f;

    private readonly float[][] _keys;
    private readonly float[][] _values;

    public ReferenceKvCache(int layers, int heads, int headDim, int pages, int pageSize, CacheFormat format)
        : base(layers, heads, headDim, pages, pageSize, format)
    {
        _keys = new float[layers][];
        _values = new float[layers][];
        for (int layer = 0; layer < layers; layer++)
        {
            _keys[layer] = new float[checked(pages * pageSize * Width)];
            _values[layer] = new float[checked(pages * pageSize * Width)];
        }
    }

    public override long Bytes => 2L * Layers * Pages * PageSize * Width * sizeof(float);

    private int Width => Heads * HeadDim;

    public Span<float> Key(int layer, int page, int slot) => _keys[layer].AsSpan(((page * PageSize) + slot) * Width, Width);

    public Span<float> Value(int layer, int page, int slot) => _values[layer].AsSpan(((page * PageSize) + slot) * Width, Width);

    public Span<float> KeyPage(int layer, int page) => _keys[layer].AsSpan(page * PageSize * Width, PageSize * Width);

    public Span<float> ValuePage(int layer, int page) => _values[layer].AsSpan(page * PageSize * Width, PageSize * Width);

    /// <summary>Stores whole rows of keys or values: what <see cref="CacheFormat"/> says, number by number.</summary>
    public void Store(ReadOnlySpan<float> numbers, Span<float> stored)
    {
        switch (Format)
        {
            case CacheFormat.F16:
                for (int i = 0; i < numbers.Length; i++)
                {
                    float number = float.IsFinite(numbers[i]) ? Math.Clamp(numbers[i], (float)Half.MinValue, (float)Half.MaxValue) : numbers[i];
                    stored[i] = (float)(Half)number;
                }

                break;
            case CacheFormat.Q8:
                for (int head = 0; head < numbers.Length; head += HeadDim)
                {
                    Quantize(numbers.Slice(head, HeadDim), stored.Slice(head, HeadDim));
                }

                break;
            default:
                numbers.CopyTo(stored);
                break;
        }
    }

    public override void Dispose()
    {
    }

    private static void Quantize(ReadOnlySpan<float> numbers, Span<float> stored)
    {
        float largest = 0;
        foreach (float number in numbers)
        {
            largest = float.IsFinite(number) ? Math.Max(largest, Math.Abs(number)) : float.NaN;
        }

        float scale = Math.Min(largest, 3.4e38f) / 127;
        for (int i = 0; i < numbers.Length; i++)
        {
            stored[i] = scale < SmallestNormal ? 0 : MathF.Round(numbers[i] / scale, MidpointRounding.ToEven) * scale;
        }
    }
}
