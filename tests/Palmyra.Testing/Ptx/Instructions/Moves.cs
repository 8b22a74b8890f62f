using System.Numerics;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Translates mov, which also packs and unpacks, and cvta.</summary>
internal static class Moves
{
    public static Instruction Move(Decoder d)
    {
        d.Allow();
        PtxType type = d.Type;
        if (type.Kind == ValueKind.Predicate)
        {
            return PredicateLogic.Translate(d);
        }

        if (d.Operand(1).Kind == OperandKind.List)
        {
            PtxType part = Part(d, type, d.List(1).Count);
            return new Pack(d.Target(0, type.Bytes), type.Bytes, d.Sources(1, part, d.List(1).Count), part.Bytes);
        }

        if (d.Operand(0).Kind == OperandKind.List)
        {
            PtxType part = Part(d, type, d.List(0).Count);
            return new Unpack(d.Targets(0, part.Bytes, d.List(0).Count), part.Bytes, d.Source(1, type), type.Bytes);
        }

        Type clr = new PtxType(ValueKind.Bits, type.Bytes).Clr!;
        return Lanewise.Unary(typeof(Copy<>).MakeGenericType(clr), clr, clr, d.Target(0, type.Bytes), d.Source(1, type));
    }

    /// <summary>cvta adds a window's start to an address, cvta.to takes it away.</summary>
    public static Instruction ConvertAddress(Decoder d)
    {
        d.Allow("to", "global", "shared", "local", "param", "const");
        PtxType type = d.Type;
        Space space = MemoryAccess.SpaceOf(d);
        if (type.Bytes != 8)
        {
            throw d.Failure("generic addresses have 64 bits");
        }

        ulong start = d.Has("to") ? unchecked(0 - Window.Start(space)) : Window.Start(space);
        return new Bitwise((d.Target(0, 8), 8), [(d.Source(1, type), 8)], (a, _, _, _) => unchecked(a + start));
    }

    private static PtxType Part(Decoder d, PtxType type, int count)
    {
        int bytes = type.Bytes / count;
        return bytes >= 2 && bytes * count == type.Bytes
            ? new PtxType(ValueKind.Bits, bytes)
            : throw d.Failure($"{type.Bytes} bytes have no {count} parts");
    }

    private sealed class Pack(int target, int bytes, int[] parts, int partBytes) : Instruction
    {
        public override void Execute(Warp warp, uint lanes)
        {
            foreach (int part in parts)
            {
                warp.Require(part, lanes);
            }

            for (uint rest = lanes; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                ulong value = 0;
                for (int i = 0; i < parts.Length; i++)
                {
                    value |= warp.ReadBits(parts[i], partBytes, lane) << (8 * partBytes * i);
                }

                warp.WriteBits(target, bytes, lane, value);
            }

            warp.Define(target, lanes);
        }
    }

    private sealed class Unpack(int[] parts, int partBytes, int source, int bytes) : Instruction
    {
        public override void Execute(Warp warp, uint lanes)
        {
            warp.Require(source, lanes);
            for (uint rest = lanes; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                ulong value = warp.ReadBits(source, bytes, lane);
                for (int i = 0; i < parts.Length; i++)
                {
                    warp.WriteBits(parts[i], partBytes, lane, value >> (8 * partBytes * i));
                }
            }

            foreach (int part in parts)
            {
                warp.Define(part, lanes);
            }
        }
    }
}

internal readonly struct Copy<T> : IUnary<T, T>
{
    public static T Of(T a) => a;
}
