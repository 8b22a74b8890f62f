using System.Numerics;
using System.Runtime.CompilerServices;
using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>A function of one number.</summary>
internal interface IUnary<TA, TY>
{
    static abstract TY Of(TA a);
}

/// <summary>Applies a function to each lane's number.</summary>
internal sealed class Unary<TA, TY, TFunction>(int y, int a) : Instruction
    where TA : unmanaged
    where TY : unmanaged
    where TFunction : struct, IUnary<TA, TY>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint lanes)
    {
        ReadOnlySpan<TA> source = warp.Read<TA>(a, lanes);
        Span<TY> result = warp.Write<TY>(y, lanes);
        if (lanes == Warp.All)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                result[lane] = TFunction.Of(source[lane]);
            }

            return;
        }

        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            result[lane] = TFunction.Of(source[lane]);
        }
    }
}
