using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Palmyra.Backends.Cpu.Kernels;

// Puts keys and values of a range of rows into their pages, rounded as CacheNumbers.cs says: keys turned to [H]{[D][page size], scales},
// values to [H]{[page size][D to 16], scales}; a scale, in Q8 alone, belongs to one row and head.
// Rows that follow each other in a page go together; four rows by four numbers of a key are turned in registers, rounded, and written
// as four neighbours. Rows beyond the last four go one by one, four numbers rounded at a time and scattered; what a head's width leaves
// over four is loaded number by number, for a row may end where memory does. The padding of a value slot is cleared.
// No sums; the largest magnitude that makes a scale does not depend on the order it is looked for in.
// Cost: 4·H·D bytes read twice (once in F32) and H·D·size written a row, for keys and for values each. Measured, ns a number, 512 rows:
// 0.6 in F32, 1.2 in F16, 1.0 in Q8, one thread, 2-core AVX-512 machine (shared), November 2026.
internal unsafe struct StoreJob
{
    private const float SmallestNormal = 1.17549435e-38f;

    /// <summary>The largest float over 127 rounds up, and times 127 would overflow.</summary>
    private const float LargestScaled = 3.4e38f;

    public float* Qkv;
    public nint QkvStride;
    public byte* Keys;
    public byte* Values;
    public PageLayout Layout;
    public CpuBatch.RowPlace* Places;

    /// <summary>Set to 1 where F16 pages receive an infinity or NaN.</summary>
    public int* NotFinite;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TNumbers>(void* context, int start, int end, int worker)
        where TNumbers : struct, ICacheNumbers
    {
        StoreJob* job = (StoreJob*)context;
        ref readonly PageLayout layout = ref job->Layout;
        int width = layout.Heads * layout.HeadDim;
        bool finite = true;
        for (int row = start; row < end;)
        {
            CpuBatch.RowPlace place = job->Places[row];
            int slot = place.Token % layout.PageSize;
            int run = 1;
            while (row + run < end && slot + run < layout.PageSize && job->Places[row + run].Pages == place.Pages)
            {
                run++;
            }

            int page = place.Pages[place.Token / layout.PageSize];
            float* keys = job->Qkv + (row * job->QkvStride) + width;
            finite &= StoreKeys<TNumbers>(layout, job->Keys + (page * layout.KeyPageStride), slot, keys, job->QkvStride, run);
            finite &= StoreValues<TNumbers>(layout, job->Values + (page * layout.ValuePageStride), slot, keys + width, job->QkvStride, run);
            row += run;
        }

        if (!finite)
        {
            // Other workers may write the same.
            Volatile.Write(ref *job->NotFinite, 1);
        }
    }

    /// <summary>Stores a whole page of one layer from rows of keys and rows of values [page size, H·D]; false if F16 received an infinity or NaN.</summary>
    public static bool StorePage(in PageLayout layout, byte* keyPage, byte* valuePage, float* keys, float* values) => layout.Format switch
    {
        CacheFormat.F32 => StorePage<SingleNumbers>(layout, keyPage, valuePage, keys, values),
        CacheFormat.F16 => StorePage<HalfNumbers>(layout, keyPage, valuePage, keys, values),
        _ => StorePage<ByteNumbers>(layout, keyPage, valuePage, keys, values),
    };

    private static bool StorePage<TNumbers>(in PageLayout layout, byte* keyPage, byte* valuePage, float* keys, float* values)
        where TNumbers : struct, ICacheNumbers
    {
        int width = layout.Heads * layout.HeadDim;
        return StoreKeys<TNumbers>(layout, keyPage, slot: 0, keys, width, layout.PageSize)
            & StoreValues<TNumbers>(layout, valuePage, slot: 0, values, width, layout.PageSize);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool StoreKeys<TNumbers>(in PageLayout layout, byte* page, int slot, float* source, nint stride, int count)
        where TNumbers : struct, ICacheNumbers
    {
        bool finite = IsFinite<TNumbers>(layout, source, stride, count);
        int dim = layout.HeadDim;
        nint turn = (nint)layout.PageSize * TNumbers.Size;
        for (int head = 0; head < layout.Heads; head++, page += layout.KeyHeadStride, source += dim)
        {
            float* scales = (float*)(page + layout.KeyScales) + slot;
            byte* to = page + ((nint)slot * TNumbers.Size);
            float* row = source;
            int i = 0;
            for (; i + 4 <= count; i += 4, row += 4 * stride, to += 4 * TNumbers.Size)
            {
                Vector128<float> divisors = default;
                if (TNumbers.Scaled)
                {
                    for (int r = 0; r < 4; r++)
                    {
                        divisors = divisors.WithElement(r, Divisor(row + (r * stride), dim, scales + i + r));
                    }
                }

                for (int j = 0; j < dim; j += 4)
                {
                    int numbers = dim - j;
                    Vector128<float> a = Load(row + j, numbers);
                    Vector128<float> b = Load(row + stride + j, numbers);
                    Vector128<float> c = Load(row + (2 * stride) + j, numbers);
                    Vector128<float> d = Load(row + (3 * stride) + j, numbers);
                    Packing.Transpose(ref a, ref b, ref c, ref d);
                    byte* at = to + (j * turn);
                    Store<TNumbers>(at, TNumbers.Narrow(a, divisors));
                    if (numbers > 1)
                    {
                        Store<TNumbers>(at + turn, TNumbers.Narrow(b, divisors));
                    }

                    if (numbers > 2)
                    {
                        Store<TNumbers>(at + (2 * turn), TNumbers.Narrow(c, divisors));
                    }

                    if (numbers > 3)
                    {
                        Store<TNumbers>(at + (3 * turn), TNumbers.Narrow(d, divisors));
                    }
                }
            }

            for (; i < count; i++, row += stride, to += TNumbers.Size)
            {
                Vector128<float> divisor = TNumbers.Scaled ? Vector128.Create(Divisor(row, dim, scales + i)) : default;
                for (int j = 0; j < dim; j += 4)
                {
                    Vector128<uint> narrow = TNumbers.Narrow(Load(row + j, dim - j), divisor);
                    byte* at = to + (j * turn);
                    for (int r = 0; r < Math.Min(4, dim - j); r++, at += turn)
                    {
                        StoreOne<TNumbers>(at, narrow.GetElement(r));
                    }
                }
            }
        }

        return finite;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool StoreValues<TNumbers>(in PageLayout layout, byte* page, int slot, float* source, nint stride, int count)
        where TNumbers : struct, ICacheNumbers
    {
        bool finite = IsFinite<TNumbers>(layout, source, stride, count);
        int dim = layout.HeadDim;
        nint slotStride = (nint)layout.PaddedDim * TNumbers.Size;
        for (int head = 0; head < layout.Heads; head++, page += layout.ValueHeadStride, source += dim)
        {
            float* scales = (float*)(page + layout.ValueScales) + slot;
            byte* to = page + (slot * slotStride);
            float* row = source;
            for (int i = 0; i < count; i++, row += stride, to += slotStride)
            {
                Vector128<float> divisor = TNumbers.Scaled ? Vector128.Create(Divisor(row, dim, scales + i)) : default;
                int j = 0;
                for (; j < dim; j += 4)
                {
                    Store<TNumbers>(to + ((nint)j * TNumbers.Size), TNumbers.Narrow(Load(row + j, dim - j), divisor));
                }

                new Span<byte>(to + ((nint)j * TNumbers.Size), (layout.PaddedDim - j) * TNumbers.Size).Clear();
            }
        }

        return finite;
    }

    /// <summary>Stores the scale of a head's numbers and returns what they are divided by: infinity, which makes them 0, where the scale is 0.</summary>
    private static float Divisor(float* numbers, int count, float* scale)
    {
        // NaN where a number is, infinite where one is.
        float largest = Math.Abs(TensorPrimitives.MaxMagnitude(new ReadOnlySpan<float>(numbers, count)));
        float quotient = float.IsFinite(largest) ? Math.Min(largest, LargestScaled) / 127 : float.NaN;
        *scale = quotient < SmallestNormal ? 0 : quotient;
        return quotient < SmallestNormal ? float.PositiveInfinity : quotient;
    }

    private static bool IsFinite<TNumbers>(in PageLayout layout, float* rows, nint stride, int count)
        where TNumbers : struct, ICacheNumbers
    {
        bool finite = true;
        if (TNumbers.Size == sizeof(ushort))
        {
            for (int i = 0; i < count; i++, rows += stride)
            {
                finite &= float.IsFinite(TensorPrimitives.MaxMagnitude(new ReadOnlySpan<float>(rows, layout.Heads * layout.HeadDim)));
            }
        }

        return finite;
    }

    /// <summary>Up to four numbers, zeros behind them; none beyond <paramref name="count"/> is touched.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Load(float* source, int count) =>
        count >= 4 ? Vector128.Load(source) : Vector128.Create(source[0], count > 1 ? source[1] : 0, count > 2 ? source[2] : 0, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TNumbers>(byte* destination, Vector128<uint> narrow)
        where TNumbers : struct, ICacheNumbers
    {
        if (TNumbers.Size == sizeof(float))
        {
            narrow.Store((uint*)destination);
            return;
        }

        Vector128<ushort> words = Vector128.Narrow(narrow, narrow);
        if (TNumbers.Size == sizeof(ushort))
        {
            *(ulong*)destination = words.AsUInt64().ToScalar();
        }
        else
        {
            *(uint*)destination = Vector128.Narrow(words, words).AsUInt32().ToScalar();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreOne<TNumbers>(byte* destination, uint narrow)
        where TNumbers : struct, ICacheNumbers
    {
        if (TNumbers.Size == sizeof(float))
        {
            *(uint*)destination = narrow;
        }
        else if (TNumbers.Size == sizeof(ushort))
        {
            *(ushort*)destination = (ushort)narrow;
        }
        else
        {
            *destination = (byte)narrow;
        }
    }
}
