using System.Numerics;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>
/// Translates what lanes of a warp do together. A .sync instruction waits for all lanes of its mask that have not ended (PTX manual,
/// "shfl.sync": "causes executing thread to wait until all non-exited threads corresponding to membermask have executed" it). Here they must
/// be at the instruction together: lanes that stand elsewhere would have to come to another instruction of the same kind, which is a mistake.
/// </summary>
internal static class WarpOperations
{
    public static Instruction Translate(Decoder d)
    {
        if (d.Opcode != "activemask" && !d.Has("sync"))
        {
            throw d.Failure("without .sync it does not exist for compute capability 7.0 and above");
        }

        switch (d.Opcode)
        {
            case "shfl":
                return Shuffle(d);
            case "vote":
                return Vote(d);
            case "match":
                return Match(d);
            case "redux":
                return Reduce(d);
            default:
                return new ActiveMask(d.Target(0, 4));
        }
    }

    /// <summary>bar.warp.sync.</summary>
    public static Instruction Barrier(Decoder d) => new WarpBarrier(d.Source(0, PtxType.B32));

    /// <summary>Checks a member mask and lets the lanes meet.</summary>
    public static void Meet(Warp warp, uint lanes, int mask, bool fence)
    {
        ReadOnlySpan<uint> masks = warp.Read<uint>(mask, lanes);
        int first = BitOperations.TrailingZeroCount(lanes);
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            int lane = BitOperations.TrailingZeroCount(rest);
            if ((masks[lane] >> lane & 1) == 0)
            {
                throw warp.Fault(lane, $"the lane is not in its own member mask 0x{masks[lane]:x8}");
            }

            if (masks[lane] != masks[first])
            {
                throw warp.Fault(lane, $"its member mask 0x{masks[lane]:x8} is not lane {first}'s 0x{masks[first]:x8}, which the interpreter does not know");
            }
        }

        uint elsewhere = masks[first] & warp.Present & ~warp.Ended & ~lanes;
        if (elsewhere != 0)
        {
            throw warp.Fault(first, $"the member mask 0x{masks[first]:x8} names lanes 0x{elsewhere:x8}, which are elsewhere: the warp would wait for ever");
        }

        warp.Block.Clock.MeetWithin(warp.Index, fence);
    }

    private static Shuffle Shuffle(Decoder d)
    {
        d.Allow("sync", "up", "down", "bfly", "idx");
        d.Expect(5, 5);
        Operand target = d.Operand(0);
        bool two = target.Kind == OperandKind.Pair;
        return new Shuffle(
            d.Parts.First(part => part is "up" or "down" or "bfly" or "idx"),
            d.Target(two ? target.Parts[0] : target, 4),
            two ? d.Predicate(target.Parts[1]) : -1,
            d.Source(1, PtxType.B32),
            d.Source(2, PtxType.B32),
            d.Source(3, PtxType.B32),
            d.Source(4, PtxType.B32));
    }

    private static Collective Vote(Decoder d)
    {
        d.Allow("sync", "all", "any", "uni", "ballot");
        Guard vote = d.Condition(d.Operand(1));
        int mask = d.Source(2, PtxType.B32);
        if (d.Has("ballot"))
        {
            int row = d.Target(0, 4);
            return new Collective(mask, (warp, lanes) => Fill(warp, row, lanes, vote.Of(warp, lanes)));
        }

        int target = d.Predicate(d.Operand(0));
        Func<uint, uint, bool> holds = d.Has("all") ? (votes, lanes) => votes == lanes
            : d.Has("any") ? (votes, _) => votes != 0
            : (votes, lanes) => votes == 0 || votes == lanes;
        return new Collective(mask, (warp, lanes) => warp.WritePredicate(target, lanes, holds(vote.Of(warp, lanes), lanes) ? Warp.All : 0));
    }

    private static Collective Match(Decoder d)
    {
        d.Allow("sync", "any", "all");
        int bytes = d.Type.Bytes;
        int source = d.Source(1, d.Type);
        Operand operand = d.Operand(0);
        bool two = operand.Kind == OperandKind.Pair;
        int target = d.Target(two ? operand.Parts[0] : operand, 4);
        int predicate = two ? d.Predicate(operand.Parts[1]) : -1;
        bool all = d.Has("all");
        return new Collective(d.Source(2, PtxType.B32), (warp, lanes) =>
        {
            warp.Require(source, lanes);
            Span<uint> equal = stackalloc uint[32];
            for (uint rest = lanes; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                for (uint others = lanes; others != 0; others &= others - 1)
                {
                    int other = BitOperations.TrailingZeroCount(others);
                    equal[lane] |= warp.ReadBits(source, bytes, lane) == warp.ReadBits(source, bytes, other) ? 1u << other : 0;
                }
            }

            bool everywhere = equal[BitOperations.TrailingZeroCount(lanes)] == lanes;
            Span<uint> result = warp.Write<uint>(target, lanes);
            for (uint rest = lanes; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                result[lane] = all ? everywhere ? lanes : 0 : equal[lane];
            }

            if (predicate >= 0)
            {
                warp.WritePredicate(predicate, lanes, everywhere ? Warp.All : 0);
            }
        });
    }

    private static Collective Reduce(Decoder d)
    {
        d.Allow("sync", "add", "min", "max", "and", "or", "xor");
        bool signed = d.Type.IsSigned;
        int target = d.Target(0, 4);
        int source = d.Source(1, d.Type);
        Func<uint, uint, uint> combine = d.Parts.First(part => part is "add" or "min" or "max" or "and" or "or" or "xor") switch
        {
            "add" => (a, b) => unchecked(a + b),
            "min" => signed ? (a, b) => (uint)Math.Min((int)a, (int)b) : Math.Min,
            "max" => signed ? (a, b) => (uint)Math.Max((int)a, (int)b) : Math.Max,
            "and" => (a, b) => a & b,
            "or" => (a, b) => a | b,
            _ => (a, b) => a ^ b,
        };
        return new Collective(d.Source(2, PtxType.B32), (warp, lanes) =>
        {
            ReadOnlySpan<uint> values = warp.Read<uint>(source, lanes);
            uint result = values[BitOperations.TrailingZeroCount(lanes)];
            for (uint rest = lanes & (lanes - 1); rest != 0; rest &= rest - 1)
            {
                result = combine(result, values[BitOperations.TrailingZeroCount(rest)]);
            }

            Fill(warp, target, lanes, result);
        });
    }

    private static void Fill(Warp warp, int row, uint lanes, uint value)
    {
        Span<uint> target = warp.Write<uint>(row, lanes);
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            target[BitOperations.TrailingZeroCount(rest)] = value;
        }
    }

    private sealed class Collective(int mask, Action<Warp, uint> function) : Instruction
    {
        public override void Execute(Warp warp, uint lanes)
        {
            Meet(warp, lanes, mask, fence: false);
            function(warp, lanes);
        }
    }

    private sealed class WarpBarrier(int mask) : Instruction
    {
        public override void Execute(Warp warp, uint lanes) => Meet(warp, lanes, mask, fence: true);
    }

    private sealed class ActiveMask(int target) : Instruction
    {
        public override void Execute(Warp warp, uint lanes) => Fill(warp, target, lanes, lanes);
    }
}
