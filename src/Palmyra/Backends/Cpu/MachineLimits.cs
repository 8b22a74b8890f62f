using System.Diagnostics;
using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Kernels;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu;

/// <summary>What the machine can do at best, measured now: the yardsticks that speeds are fractions of.</summary>
/// <remarks>A shared machine's limits drift from minute to minute: measure them in the same run as what is compared with them.</remarks>
public static unsafe class MachineLimits
{
    private const long BufferBytes = 512L << 20;
    private const int ReadChunk = 1 << 20;
    private const double Seconds = 0.12;

    /// <summary>How fast <paramref name="threads"/> threads together read memory that no cache holds, in GB/s (10⁹ bytes). Takes about 0.3 s, once.</summary>
    /// <param name="threads">Threads, at least 1.</param>
    /// <exception cref="Diagnostics.BackendException">There is no memory for a buffer of 512 MiB.</exception>
    public static double ReadBandwidth(int threads)
    {
        using var pool = new WorkerPool(threads);
        using var buffer = new NativeBuffer(BufferBytes, zero: false, "measuring bandwidth");
        float* start = buffer.Floats;
        pool.Run((int)(BufferBytes / ReadChunk), 1, (first, end, _) => new Span<byte>((byte*)start + ((long)first * ReadChunk), (end - first) * ReadChunk).Clear());
        delegate*<void*, int, int, int, void> job = CpuBackend.WidestAccelerated switch
        {
            VectorWidth.Bits512 => &Sum<Floats512>,
            VectorWidth.Bits256 => &Sum<Floats256>,
            VectorWidth.Bits128 => &Sum<Floats128>,
            _ => &Sum<Floats32>,
        };
        return Rate(pool, (int)(BufferBytes / ReadChunk), job, start, BufferBytes);
    }

    /// <summary>How many billion 32-bit operations <paramref name="threads"/> threads together do each second when they only multiply and add in registers.</summary>
    /// <param name="threads">Threads, at least 1.</param>
    public static double FmaPeak(int threads)
    {
        using var pool = new WorkerPool(threads);
        (nint job, int lanes) = CpuBackend.WidestAccelerated switch
        {
            VectorWidth.Bits512 => ((nint)(delegate*<void*, int, int, int, void>)&MultiplyAdd<Floats512>, 16),
            VectorWidth.Bits256 => ((nint)(delegate*<void*, int, int, int, void>)&MultiplyAdd<Floats256>, 8),
            VectorWidth.Bits128 => ((nint)(delegate*<void*, int, int, int, void>)&MultiplyAdd<Floats128>, 4),
            _ => ((nint)(delegate*<void*, int, int, int, void>)&MultiplyAdd<Floats32>, 1),
        };
        int items = 16 * threads;
        return Rate(pool, items, (delegate*<void*, int, int, int, void>)job, null, 2.0 * Chains * Steps * lanes * items);
    }

    private const int Chains = 12;
    private const int Steps = 100_000;

    /// <summary>The best of some rounds in <see cref="Seconds"/>, at least two, in billions of <paramref name="amount"/> a second.</summary>
    private static double Rate(WorkerPool pool, int items, delegate*<void*, int, int, int, void> job, void* context, double amount)
    {
        double best = double.PositiveInfinity;
        long begin = Stopwatch.GetTimestamp();
        for (int round = 0; round < 2 || Stopwatch.GetElapsedTime(begin).TotalSeconds < Seconds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            pool.Run(items, 1, job, context);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return amount / best / 1e9;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum<T>(void* context, int start, int end, int worker)
        where T : struct, IVector<T>
    {
        float* p = (float*)((byte*)context + ((long)start * ReadChunk));
        float* last = (float*)((byte*)context + ((long)end * ReadChunk));
        T a = T.Zero, b = T.Zero, c = T.Zero, d = T.Zero;
        for (; p != last; p += 4 * T.Count)
        {
            // As the kernels do, or their share of this limit would pass a hundred per cent.
            WeightPrefetch.Stretch(p, 4 * sizeof(float) * T.Count);
            a += T.Load(p);
            b += T.Load(p + T.Count);
            c += T.Load(p + (2 * T.Count));
            d += T.Load(p + (3 * T.Count));
        }

        Keep((a + b) + (c + d));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyAdd<T>(void* context, int start, int end, int worker)
        where T : struct, IVector<T>
    {
        T x = T.Create(0.5f), a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (int step = 0; step < (end - start) * Steps; step++)
        {
            a = T.MultiplyAdd(a, x, x);
            b = T.MultiplyAdd(b, x, x);
            c = T.MultiplyAdd(c, x, x);
            d = T.MultiplyAdd(d, x, x);
            e = T.MultiplyAdd(e, x, x);
            f = T.MultiplyAdd(f, x, x);
            g = T.MultiplyAdd(g, x, x);
            h = T.MultiplyAdd(h, x, x);
            i = T.MultiplyAdd(i, x, x);
            j = T.MultiplyAdd(j, x, x);
            k = T.MultiplyAdd(k, x, x);
            l = T.MultiplyAdd(l, x, x);
        }

        Keep(((a + b) + (c + d)) + ((e + f) + (g + h)) + ((i + j) + (k + l)));
    }

    /// <summary>Uses a result, so that what made it is not removed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Keep<T>(T value)
        where T : struct, IVector<T>
    {
        float* lanes = stackalloc float[16];
        T.Store(lanes, value);
    }
}
