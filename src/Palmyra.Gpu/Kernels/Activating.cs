using ILGPU;

namespace Palmyra.Gpu.Kernels;

// y = activation(x) for whole rows, padding included: every activation is 0 at 0, so padding stays zero.
// A thread takes four numbers, one load and one store of 16 bytes; blocks lie side by side. Reads and writes each number once.
internal static class Activating
{
    public const int Threads = 256;

    /// <summary>The kernel.</summary>
    public static void Activate(ArrayView<Float4> y, ArrayView<Float4> x, int pieces, int activation)
    {
        int i = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < pieces)
        {
            Float4 value = x[i];
            y[i] = new Float4
            {
                X = Apply(activation, value.X), Y = Apply(activation, value.Y), Z = Apply(activation, value.Z), W = Apply(activation, value.W),
            };
        }
    }

    /// <summary>An activation of a number; <paramref name="activation"/> is <see cref="Backends.Activation"/>'s value.</summary>
    public static float Apply(int activation, float x)
    {
        // Chained conditions instead of a switch: all threads go the same way, and no table of jumps is made.
        if (activation == 0)
        {
            return x;
        }

        if (activation == 1)
        {
            // 0.5·(1 + tanh u) = σ(2u), which keeps its digits where tanh is near −1.
            return x * Elementary.Logistic(1.59576912f * (x + (0.044715f * x * x * x)));
        }

        if (activation == 2)
        {
            return x * Elementary.NormalDistribution(x);
        }

        if (activation == 3)
        {
            return x * Elementary.Logistic(1.702f * x);
        }

        if (activation == 4)
        {
            return x < 0 ? 0 : x;
        }

        return activation == 5 ? x * Elementary.Logistic(x) : Elementary.Tanh(x);
    }
}
