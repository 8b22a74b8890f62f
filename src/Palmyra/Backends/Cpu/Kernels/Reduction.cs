using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

// Sums whose bits do not depend on the vector's width.
//
//   lanes   16 of them whatever the width: number i goes to lane i mod 16, in ascending i
//           512 bits: one vector holds all 16; 256: two; 128: four; scalar: sixteen single sums
//   tree    lane j + lane j+8, then j+4, j+2, j+1: always these fifteen additions
//   tail    a last group of fewer than 16 numbers is completed with zeros, which change no sum
internal static unsafe class Reduction
{
    /// <summary>Lanes of every sum.</summary>
    public const int Lanes = 16;

    /// <summary>Adds sixteen lanes up in the fixed order; destroys them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Tree(float* lanes)
    {
        for (int half = Lanes / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
            {
                lanes[i] += lanes[i + half];
            }
        }

        return lanes[0];
    }

    /// <summary>Σ xᵢ for <paramref name="count"/> numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum<T>(float* x, int count)
        where T : struct, IVector<T>
    {
        float* lanes = stackalloc float[Lanes];
        float* tail = stackalloc float[Lanes];
        int whole = count & -Lanes;
        CopyTail(tail, x + whole, count - whole);
        for (int j = 0; j < Lanes; j += T.Count)
        {
            T sum = T.Zero;
            for (int i = j; i < whole; i += Lanes)
            {
                sum += T.Load(x + i);
            }

            T.Store(lanes + j, sum + T.Load(tail + j));
        }

        return Tree(lanes);
    }

    /// <summary>Σ (xᵢ − center)² for <paramref name="count"/> numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float SumOfSquares<T>(float* x, int count, float center)
        where T : struct, IVector<T>
    {
        float* lanes = stackalloc float[Lanes];
        float* tail = stackalloc float[Lanes];
        int whole = count & -Lanes;
        new Span<float>(tail, Lanes).Fill(center);
        new ReadOnlySpan<float>(x + whole, count - whole).CopyTo(new Span<float>(tail, Lanes));
        T middle = T.Create(center);
        for (int j = 0; j < Lanes; j += T.Count)
        {
            T sum = T.Zero;
            T distance;
            for (int i = j; i < whole; i += Lanes)
            {
                distance = T.Load(x + i) - middle;
                sum = T.MultiplyAdd(distance, distance, sum);
            }

            distance = T.Load(tail + j) - middle;
            T.Store(lanes + j, T.MultiplyAdd(distance, distance, sum));
        }

        return Tree(lanes);
    }

    /// <summary>xᵢ ← exp(xᵢ − largest) for <paramref name="count"/> numbers, a multiple of sixteen, and their sum. −∞ becomes 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float ExpAndSum<T>(float* x, int count, float largest)
        where T : struct, IVector<T>
    {
        float* lanes = stackalloc float[Lanes];
        T top = T.Create(largest);
        for (int j = 0; j < Lanes; j += T.Count)
        {
            T sum = T.Zero;
            for (int i = j; i < count; i += Lanes)
            {
                T e = Elementary.ExpOfNegative(T.Load(x + i) - top);
                T.Store(x + i, e);
                sum += e;
            }

            T.Store(lanes + j, sum);
        }

        return Tree(lanes);
    }

    private static void CopyTail(float* tail, float* x, int count)
    {
        new Span<float>(tail, Lanes).Clear();
        new ReadOnlySpan<float>(x, count).CopyTo(new Span<float>(tail, Lanes));
    }
}
