using System.Numerics;
using System.Runtime.CompilerServices;
using Palmyra.Testing.Ptx.Execution;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Makes instructions that compute lane by lane from a function, given as an open generic struct and the types to close it with.</summary>
internal static class Lanewise
{
    /// <summary>y = f(a).</summary>
    public static Instruction Unary(Type function, Type a, Type y, int rowY, int rowA) =>
        Make(typeof(Unary<,,>).MakeGenericType(a, y, function), rowY, rowA);

    /// <summary>y = f(a, b).</summary>
    public static Instruction Binary(Type function, Type a, Type b, Type y, int rowY, int rowA, int rowB) =>
        Make(typeof(Binary<,,,>).MakeGenericType(a, b, y, function), rowY, rowA, rowB);

    /// <summary>y = f(a, b, c).</summary>
    public static Instruction Ternary(Type function, Type a, Type b, Type c, Type y, int rowY, int rowA, int rowB, int rowC) =>
        Make(typeof(Ternary<,,,,>).MakeGenericType(a, b, c, y, function), rowY, rowA, rowB, rowC);

    /// <summary>Closes a generic instruction's constructor call.</summary>
    public static Instruction Make(Type type, params object[] arguments) => (Instruction)Activator.CreateInstance(type, arguments)!;
}

/// <summary>
/// y = f(a, b, c, d) on bits, for instructions too rare to have a loop of their own. Unused sources are the same row as the first.
/// </summary>
internal sealed class Bitwise((int Row, int Bytes) y, (int Row, int Bytes)[] sources, Func<ulong, ulong, ulong, ulong, ulong> function) : Instruction
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint lanes)
    {
        foreach ((int row, _) in sources)
        {
            warp.Require(row, lanes);
        }

        Span<ulong> values = stackalloc ulong[4];
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            for (int i = 0; i < sources.Length; i++)
            {
                values[i] = warp.ReadBits(sources[i].Row, sources[i].Bytes, lane);
            }

            warp.WriteBits(y.Row, y.Bytes, lane, function(values[0], values[1], values[2], values[3]));
        }

        warp.Define(y.Row, lanes);
    }
}
