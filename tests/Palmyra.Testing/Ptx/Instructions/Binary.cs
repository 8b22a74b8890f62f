using System.Numerics;
using System.Runtime.CompilerServices;
using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>A function of two numbers.</summary>
internal interface IBinary<TA, TB, TY>
{
    static abstract TY Of(TA a, TB b);
}

/// <summary>Applies a function to each lane's two numbers.</summary>
internal sealed class Binary<TA, TB, TY, TFunction>(int y, int a, int b) : Instruction
    where TA : unmanaged
    where TB : unmanaged
    where TY : unmanaged
    where TFunction : struct, IBinary<TA, TB, TY>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint lanes)
    {
        ReadOnlySpan<TA> left = warp.Read<TA>(a, lanes);
        ReadOnlySpan<TB> right = warp.Read<TB>(b, lanes);
        Span<TY> result = warp.Write<TY>(y, lanes);
        if (lanes == Warp.All)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                result[lane] = TFunction.Of(left[lane], right[lane]);
            }

            return;
        }

        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            result[lane] = TFunction.Of(left[lane], right[lane]);
        }
    }
}
