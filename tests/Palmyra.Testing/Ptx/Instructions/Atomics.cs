using System.Numerics;
using System.Runtime.CompilerServices;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>atom and red: lanes update memory one after the other, in their order; hardware chooses any.</summary>
internal sealed unsafe class Atomics(
    Space space, Address address, int bytes, int target, int b, int c, Func<ulong, ulong, ulong, ulong> update) : Instruction
{
    private static readonly string[] Known =
    [
        "global", "shared", "shared::cta", "relaxed", "acquire", "release", "acq_rel", "cta", "gpu", "sys", "noftz",
        "add", "min", "max", "inc", "dec", "exch", "cas", "and", "or", "xor",
    ];

    public static Instruction Translate(Decoder d)
    {
        d.Allow(Known);
        PtxType type = d.Type;
        int first = d.Opcode == "atom" ? 1 : 0;
        string operation = d.Parts.First(part => part is "add" or "min" or "max" or "inc" or "dec" or "exch" or "cas" or "and" or "or" or "xor");
        d.Expect(first + (operation == "cas" ? 3 : 2), first + (operation == "cas" ? 3 : 2));
        int b = d.Source(first + 1, type);
        return new Atomics(
            MemoryAccess.SpaceOf(d), d.Address(first), type.Bytes, first == 1 ? d.Target(0, type.Bytes) : -1,
            b, operation == "cas" ? d.Source(first + 2, type) : b, Update(d, operation, type));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(Warp warp, uint lanes)
    {
        Span<ulong> addresses = stackalloc ulong[32];
        address.Of(warp, lanes, addresses);
        warp.Require(b, lanes);
        warp.Require(c, lanes);
        Access access = Access.Begin(warp, space, addresses, lanes, bytes, isWrite: true);
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            byte* place = access.Update(lane, addresses[lane]);
            ulong old = bytes switch { 2 => *(ushort*)place, 4 => *(uint*)place, _ => *(ulong*)place };
            ulong value = update(old, warp.ReadBits(b, bytes, lane), warp.ReadBits(c, bytes, lane));
            switch (bytes)
            {
                case 2:
                    *(ushort*)place = (ushort)value;
                    break;
                case 4:
                    *(uint*)place = (uint)value;
                    break;
                default:
                    *(ulong*)place = value;
                    break;
            }

            if (target >= 0)
            {
                warp.WriteBits(target, bytes, lane, old);
            }
        }

        if (target >= 0)
        {
            warp.Define(target, lanes);
        }
    }

    private static Func<ulong, ulong, ulong, ulong> Update(Decoder d, string operation, PtxType type)
    {
        bool wide = type.Bytes == 8;
        return (operation, type.IsFloat, type.IsSigned) switch
        {
            ("exch", _, _) => (_, b, _) => b,
            ("cas", _, _) => (old, b, c) => old == b ? c : old,
            ("and", _, _) => (old, b, _) => old & b,
            ("or", _, _) => (old, b, _) => old | b,
            ("xor", _, _) => (old, b, _) => old ^ b,
            ("add", false, _) => (old, b, _) => unchecked(old + b),
            ("add", true, _) when type.Packed || type.Bytes == 2 => (old, b, _) => AddHalves(old, b, type),
            ("add", true, _) when wide => (old, b, _) =>
                BitConverter.DoubleToUInt64Bits(BitConverter.UInt64BitsToDouble(old) + BitConverter.UInt64BitsToDouble(b)),
            ("add", true, _) => (old, b, _) =>
                BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle((uint)old) + BitConverter.UInt32BitsToSingle((uint)b)),
            ("inc", false, _) => (old, b, _) => old >= b ? 0 : old + 1,
            ("dec", false, _) => (old, b, _) => old == 0 || old > b ? b : old - 1,
            ("min", false, false) => (old, b, _) => Math.Min(old, b),
            ("max", false, false) => (old, b, _) => Math.Max(old, b),
            ("min", false, true) => (old, b, _) => wide ? (ulong)Math.Min((long)old, (long)b) : (uint)Math.Min((int)old, (int)b),
            ("max", false, true) => (old, b, _) => wide ? (ulong)Math.Max((long)old, (long)b) : (uint)Math.Max((int)old, (int)b),
            _ => throw d.Failure("this atomic operation is not known here"),
        };
    }

    private static ulong AddHalves(ulong old, ulong b, PtxType type)
    {
        bool brain = type.Kind == ValueKind.Brain;
        ulong result = 0;
        for (int i = 0; i < 8 * type.Bytes; i += 16)
        {
            float sum = HalfPairs.ToFloat((ushort)(old >> i), brain) + HalfPairs.ToFloat((ushort)(b >> i), brain);
            result |= (ulong)HalfPairs.FromFloat(sum, brain) << i;
        }

        return result;
    }
}
