using ILGPU;

namespace Palmyra.Gpu.Kernels;

// Sums and maxima over the lanes of a warp and over the warps of a block. Additions: a butterfly over lanes, then warps in order; so a sum
// depends on the number of threads, never on timing.
internal static class Reducing
{
    /// <summary>Warps a block may have here.</summary>
    public const int MostWarps = 8;

    /// <summary>The warp's sum, in every lane.</summary>
    public static float WarpSum(float value)
    {
        value += Warp.ShuffleXor(value, 16);
        value += Warp.ShuffleXor(value, 8);
        value += Warp.ShuffleXor(value, 4);
        value += Warp.ShuffleXor(value, 2);
        return value + Warp.ShuffleXor(value, 1);
    }

    /// <summary>The warp's maximum, in every lane.</summary>
    public static float WarpMax(float value)
    {
        value = MathF.Max(value, Warp.ShuffleXor(value, 16));
        value = MathF.Max(value, Warp.ShuffleXor(value, 8));
        value = MathF.Max(value, Warp.ShuffleXor(value, 4));
        value = MathF.Max(value, Warp.ShuffleXor(value, 2));
        return MathF.Max(value, Warp.ShuffleXor(value, 1));
    }

    /// <summary>The block's sum, in every thread.</summary>
    /// <param name="value">The thread's part.</param>
    /// <param name="shared">Room for <see cref="MostWarps"/> floats.</param>
    public static float BlockSum(float value, ArrayView<float> shared)
    {
        value = WarpSum(value);
        if ((Group.IdxX & 31) == 0)
        {
            shared[Group.IdxX >> 5] = value;
        }

        Group.Barrier();
        float sum = shared[0];
        for (int warp = 1; warp < Group.DimX >> 5; warp++)
        {
            sum += shared[warp];
        }

        Group.Barrier();
        return sum;
    }

    /// <summary>The block's maximum, in every thread.</summary>
    /// <param name="value">The thread's part.</param>
    /// <param name="shared">Room for <see cref="MostWarps"/> floats.</param>
    public static float BlockMax(float value, ArrayView<float> shared)
    {
        value = WarpMax(value);
        if ((Group.IdxX & 31) == 0)
        {
            shared[Group.IdxX >> 5] = value;
        }

        Group.Barrier();
        float max = shared[0];
        for (int warp = 1; warp < Group.DimX >> 5; warp++)
        {
            max = MathF.Max(max, shared[warp]);
        }

        Group.Barrier();
        return max;
    }
}
