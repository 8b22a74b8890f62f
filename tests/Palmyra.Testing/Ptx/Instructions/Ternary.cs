using System.Numerics;
using System.Runtime.CompilerServices;
using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>A function of three numbers.</summary>
internal interface ITernary<TA, TB, TC, TY>
{
    static abstract TY Of(TA a, TB b, TC c);
}

/// <summary>Applies a function to each lane's three numbers.</summary>
internal sealed class Ternary<TA, TB, TC, TY, TFunction>(int y, int a, int b, int c) : Instruction
    where TA : unmanaged
    where TB : unmanaged
    where TC : unmanaged
    where TY : unmanaged
    where TFunction : struct, ITernary<TA, TB, TC, TY>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint lanes)
    {
        ReadOnlySpan<TA> first = warp.Read<TA>(a, lanes);
        ReadOnlySpan<TB> second = warp.Read<TB>(b, lanes);
        ReadOnlySpan<TC> third = warp.Read<TC>(c, lanes);
        Span<TY> result = warp.Write<TY>(y, lanes);
        if (lanes == Warp.All)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                result[lane] = TFunction.Of(first[lane], second[lane], third[lane]);
            }

            return;
        }

        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            result[lane] = TFunction.Of(first[lane], second[lane], third[lane]);
        }
    }
}
