using System.Numerics;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Translates instructions that pick bits and bytes apart (PTX manual, "Logic and Shift Instructions", "bfe", "prmt", "dp4a").</summary>
internal static class BitFunctions
{
    public static Instruction Translate(Decoder d)
    {
        PtxType type = d.Type;
        bool wide = type.Bytes == 8;
        d.Allow(d.Opcode == "shf" ? ["l", "r", "wrap", "clamp"] : []);
        switch (d.Opcode)
        {
            case "brev":
                return Make(d, type, [type], (a, _, _, _) => Reverse(a, type.Bytes));
            case "bfind":
                return Make(d, PtxType.U32, [type], (a, _, _, _) => Find(a, type));
            case "bfe":
                return Make(d, type, [type, PtxType.U32, PtxType.U32], (a, b, c, _) => Extract(a, (int)(b & 0xFF), (int)(c & 0xFF), type));
            case "bfi":
                return Make(
                    d, type, [type, type, PtxType.U32, PtxType.U32], (a, b, c, e) => Insert(a, b, (int)(c & 0xFF), (int)(e & 0xFF), wide ? 64 : 32));
            case "prmt":
                return Make(d, type, [type, type, type], (a, b, c, _) => Permute(a | b << 32, c));
            case "lop3":
                {
                    int table = d.Constant(4);
                    return Make(d, type, [type, type, type], (a, b, c, _) => Look(a, b, c, table));
                }

            case "shf":
                {
                    bool left = d.Has("l");
                    bool wrap = d.Has("wrap");
                    return Make(
                        d, type, [type, type, PtxType.U32], (a, b, c, _) => Funnel(a | b << 32, wrap ? (int)(c & 31) : (int)Math.Min(c, 32), left));
                }

            case "dp4a":
                {
                    PtxType a = d.TypeFromEnd(1);
                    PtxType b = d.TypeFromEnd(0);
                    return Make(d, PtxType.U32, [a, b, PtxType.U32], (x, y, c, _) => Dot((uint)x, (uint)y, (uint)c, a.IsSigned, b.IsSigned));
                }

            default:
                throw d.Failure($"{d.Opcode} is not known here");
        }
    }

    private static Bitwise Make(Decoder d, PtxType result, PtxType[] sources, Func<ulong, ulong, ulong, ulong, ulong> function) => new(
        (d.Target(0, result.Bytes), result.Bytes), [.. sources.Select((type, i) => (d.Source(i + 1, type), type.Bytes))], function);

    private static ulong Reverse(ulong a, int bytes)
    {
        ulong reversed = 0;
        for (int i = 0; i < 8 * bytes; i++)
        {
            reversed = reversed << 1 | (a >> i & 1);
        }

        return reversed;
    }

    // The highest bit that differs from the sign; all ones if there is none.
    private static ulong Find(ulong a, PtxType type)
    {
        ulong magnitude = type.IsSigned && (a >> ((8 * type.Bytes) - 1) & 1) != 0 ? ~a & (type.Bytes == 8 ? ulong.MaxValue : uint.MaxValue) : a;
        return magnitude == 0 ? uint.MaxValue : (ulong)BitOperations.Log2(magnitude);
    }

    // Bits beyond the register are copies of the sign bit, which is the field's own highest bit or the register's.
    private static ulong Extract(ulong a, int position, int length, PtxType type)
    {
        int last = (8 * type.Bytes) - 1;
        ulong sign = !type.IsSigned || length == 0 ? 0 : a >> Math.Min(position + length - 1, last) & 1;
        ulong result = 0;
        for (int i = 0; i <= last; i++)
        {
            ulong bit = i < length && position + i <= last ? a >> (position + i) & 1 : sign;
            result |= bit << i;
        }

        return result;
    }

    private static ulong Insert(ulong a, ulong b, int position, int length, int bits)
    {
        for (int i = 0; i < length && position + i < bits; i++)
        {
            ulong mask = 1UL << (position + i);
            b = (a >> i & 1) != 0 ? b | mask : b & ~mask;
        }

        return b;
    }

    private static ulong Permute(ulong bytes, ulong selector)
    {
        ulong result = 0;
        for (int i = 0; i < 4; i++)
        {
            int select = (int)(selector >> (4 * i)) & 0xF;
            ulong chosen = bytes >> (8 * (select & 7)) & 0xFF;
            result |= ((select & 8) == 0 ? chosen : (chosen & 0x80) != 0 ? 0xFFUL : 0) << (8 * i);
        }

        return result;
    }

    private static ulong Look(ulong a, ulong b, ulong c, int table)
    {
        ulong result = 0;
        for (int i = 0; i < 32; i++)
        {
            int index = (int)((a >> i & 1) << 2 | (b >> i & 1) << 1 | (c >> i & 1));
            result |= (ulong)(uint)(table >> index & 1) << i;
        }

        return result;
    }

    private static ulong Funnel(ulong both, int shift, bool left) =>
        left ? shift == 32 ? both : both << shift >> 32 : both >> shift;

    private static ulong Dot(uint a, uint b, uint c, bool signedA, bool signedB)
    {
        for (int i = 0; i < 32; i += 8)
        {
            int x = signedA ? (sbyte)(a >> i) : (byte)(a >> i);
            int y = signedB ? (sbyte)(b >> i) : (byte)(b >> i);
            c = unchecked(c + (uint)(x * y));
        }

        return c;
    }
}
