using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Palmyra.Gpu.Tests.Compilation;

/// <summary>Kernels to compile.</summary>
internal static class Kernels
{
    public interface IFactor
    {
        static abstract float By { get; }
    }

    public readonly struct Two : IFactor
    {
        public static float By => 2;
    }

    public readonly struct Three : IFactor
    {
        public static float By => 3;
    }

    public static void Saxpy(float a, ArrayView<float> x, ArrayView<float> y, int n)
    {
        int i = Grid.GlobalIndex.X;
        if (i < n)
        {
            y[i] = (a * x[i]) + y[i];
        }
    }

    public static void Scale<T>(ArrayView<float> x, int n)
        where T : struct, IFactor
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(64);
        ArrayView<float> dynamic = SharedMemory.GetDynamic<float>();
        int i = Group.IdxX;
        shared[i & 63] = x[i] * T.By;
        Group.Barrier();
        dynamic[i] = shared[(i + 1) & 63];
        Group.Barrier();
        if (i < n)
        {
            x[i] = dynamic[i];
        }
    }

    // An array that a loop's variable indexes lies in local memory.
    public static void Local(ArrayView<float> x, int n)
    {
        var sums = new float[8];
        for (int k = 0; k < n; k++)
        {
            for (int j = 0; j < 8; j++)
            {
                sums[j] += x[(k * 8) + j];
            }
        }

        for (int j = 0; j < 8; j++)
        {
            x[j] = sums[j];
        }
    }

    // Parameters of every kind that KernelArguments packs.
    public static void Mixed(int a, long b, float c, ArrayView<int> d, int e, long f) =>
        d[e] = a + (int)b + (int)c + (int)f;

    public static void NamedRegisters(long p)
    {
        CudaAsm.Emit(".reg .f32 c<4>; .reg .u64 address, other; mov.f32 c0, 0f3F800000;");
        CudaAsm.Emit("mov.u64 address, %0; st.global.f32 [address], c0;", p);
    }

    public static void UsesDotNetHalf(ArrayView<float> x) => x[0] = (float)(System.Half)x[0];

    public static void TakesAnObject(ArrayView<float> x, object o) => x[0] = o.GetHashCode();

    public static int Answers(ArrayView<float> x) => (int)x[0];
}
