using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime.Cuda;
using IlgpuHalf = ILGPU.Half;

namespace Palmyra.Gpu.Tests.Ptx.Specimens;

/// <summary>Kernels as ILGPU compiles them from ordinary C#, with little or no assembly in them.</summary>
internal static class OrdinarySpecimens
{
    public static void Saxpy(float factor, ArrayView<float> x, ArrayView<float> y, int count)
    {
        int i = Grid.GlobalIndex.X;
        if (i < count)
        {
            y[i] = (factor * x[i]) + y[i];
        }
    }

    /// <summary>Sums: a grid's stride, shuffles within warps, shared memory between them, and the last block adds what the blocks found.</summary>
    public static void Sum(ArrayView<float> x, ArrayView<float> partial, ArrayView<int> counter, ArrayView<float> result, int count)
    {
        ArrayView<float> warps = SharedMemory.Allocate<float>(32);
        ArrayView<int> last = SharedMemory.Allocate<int>(1);
        float sum = 0;
        for (int i = Grid.GlobalIndex.X; i < count; i += Grid.DimX * Group.DimX)
        {
            sum += x[i];
        }

        sum = BlockSum(sum, warps);
        if (Group.IdxX == 0)
        {
            partial[Grid.IdxX] = sum;
            MemoryFence.DeviceLevel();
            last[0] = Atomic.Add(ref counter[0], 1);
        }

        Group.Barrier();
        if (last[0] != Grid.DimX - 1)
        {
            return;
        }

        sum = 0;
        for (int i = Group.IdxX; i < Grid.DimX; i += Group.DimX)
        {
            sum += partial[i];
        }

        sum = BlockSum(sum, warps);
        if (Group.IdxX == 0)
        {
            result[0] = sum;
        }
    }

    /// <summary>Halves and brain floats in, products out in every format.</summary>
    public static void Narrow(ArrayView<IlgpuHalf> halves, ArrayView<ushort> brains, ArrayView<float> products, ArrayView<IlgpuHalf> half, ArrayView<ushort> brain, ArrayView<uint> pairs)
    {
        int i = Grid.GlobalIndex.X;
        float product = halves[i] * Interop.IntAsFloat((uint)brains[i] << 16);
        products[i] = product;
        half[i] = (IlgpuHalf)product;
        uint bits = Interop.FloatAsInt(product);
        brain[i] = (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        CudaAsm.Emit("cvt.rn.bf16x2.f32 %0, %1, %2;", out uint pair, product, -product);
        pairs[i] = pair;
    }

    /// <summary>Bytes with a scale, as quantised weights are: signed loads, conversions and a local array.</summary>
    public static void Quantised(ArrayView<sbyte> weights, ArrayView<byte> other, ArrayView<float> scales, ArrayView<float> result, int perRow)
    {
        int row = Grid.GlobalIndex.X;
        float[] sums = new float[4];
        for (int i = 0; i < perRow; i++)
        {
            sums[i % 4] += weights[(row * perRow) + i] * scales[row] * other[i];
        }

        result[row] = sums[0] + sums[1] + sums[2] + sums[3];
    }

    /// <summary>Mathematics, switches, loops that end early.</summary>
    public static void Mixed(ArrayView<float> x, ArrayView<float> y, ArrayView<int> kinds, int count)
    {
        int i = Grid.GlobalIndex.X;
        if (i >= count)
        {
            return;
        }

        float value = x[i];
        switch (kinds[i])
        {
            case 0:
                value = MathF.Exp(value);
                break;
            case 1:
                value = MathF.Sqrt(MathF.Abs(value));
                break;
            case 2:
                value = MathF.Max(value, 0) + MathF.Floor(value);
                break;
            case 3:
                for (int j = 0; j < 100; j++)
                {
                    if (value > 50)
                    {
                        break;
                    }

                    value = (value * 1.5f) + 1;
                }

                break;
            case 4:
                value = 1 / (1 + XMath.Exp(-value));
                break;
            default:
                value = -1;
                break;
        }

        y[i] = value;
    }

    /// <summary>A function that is called rather than put in place.</summary>
    public static void Calls(ArrayView<float> x, int times)
    {
        int i = Grid.GlobalIndex.X;
        x[i] = Series(x[i], times) - Series(1, i);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static float Series(float x, int times)
    {
        float sum = 0;
        for (int i = 0; i < times; i++)
        {
            sum += MathF.Sqrt(x + i);
        }

        return sum;
    }

    private static float BlockSum(float value, ArrayView<float> warps)
    {
        for (int distance = 16; distance > 0; distance >>= 1)
        {
            value += Warp.ShuffleXor(value, distance);
        }

        Group.Barrier();
        if (Warp.LaneIdx == 0)
        {
            warps[Group.IdxX >> 5] = value;
        }

        Group.Barrier();
        float sum = 0;
        for (int i = 0; i < Group.DimX >> 5; i++)
        {
            sum += warps[i];
        }

        return sum;
    }
}
