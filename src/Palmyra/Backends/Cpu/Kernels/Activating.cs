using System.Runtime.CompilerServices;
using Palmyra.Backends.Cpu.Simd;

namespace Palmyra.Backends.Cpu.Kernels;

// The activation functions, element by element: formulas in Activation.cs. The tanh form of GELU is computed as x·σ(2u), which is the
// same number: (1 + tanh u)/2 = σ(2u). Lanes are independent; there is no sum, so no order of additions and no tail (rows are padded).
// Cost: one exponential and one division a number, about 25 operations: see the benchmark layer for times.
internal static unsafe class Activating
{
    // √(2/π) and its product with 0.044715, doubled for σ(2u).
    private const float TwiceRootTwoOverPi = 1.59576912f;
    private const float TwiceCubic = 0.0713548163f;

    /// <summary>Applies <paramref name="activation"/> to <paramref name="count"/> numbers, a multiple of the vector; in place allowed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<T>(float* y, float* x, int count, Activation activation)
        where T : struct, IVector<T>
    {
        switch (activation)
        {
            case Activation.GeluTanh:
                for (int i = 0; i < count; i += T.Count)
                {
                    T v = T.Load(x + i);
                    T u = T.MultiplyAdd(v * v, T.Create(TwiceCubic), T.Create(TwiceRootTwoOverPi)) * v;
                    T.Store(y + i, v * Elementary.Logistic(u));
                }

                break;
            case Activation.GeluErf:
                for (int i = 0; i < count; i += T.Count)
                {
                    T v = T.Load(x + i);
                    T.Store(y + i, v * Elementary.NormalDistribution(v));
                }

                break;
            case Activation.QuickGelu:
                for (int i = 0; i < count; i += T.Count)
                {
                    T v = T.Load(x + i);
                    T.Store(y + i, v * Elementary.Logistic(v * T.Create(1.702f)));
                }

                break;
            case Activation.Relu:
                for (int i = 0; i < count; i += T.Count)
                {
                    T v = T.Load(x + i);
                    T.Store(y + i, T.WhereLess(v, T.Zero, T.Zero, v));
                }

                break;
            case Activation.Silu:
                for (int i = 0; i < count; i += T.Count)
                {
                    T v = T.Load(x + i);
                    T.Store(y + i, v * Elementary.Logistic(v));
                }

                break;
            case Activation.Tanh:
                for (int i = 0; i < count; i += T.Count)
                {
                    T.Store(y + i, Elementary.Tanh(T.Load(x + i)));
                }

                break;
            default:
                if (x != y)
                {
                    new ReadOnlySpan<float>(x, count).CopyTo(new Span<float>(y, count));
                }

                break;
        }
    }
}
