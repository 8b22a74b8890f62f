using System.Numerics;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx.Instructions;

/// <summary>Translates cp.async, its groups and its waits (PTX manual, "Data Movement and Conversion Instructions: Non-bulk copy").</summary>
internal static class AsyncInstructions
{
    public static Instruction Translate(Decoder d)
    {
        d.Allow(
            "async", "ca", "cg", "shared", "shared::cta", "global", "commit_group", "wait_group", "wait_all",
            "L2::64B", "L2::128B", "L2::256B", "L2::cache_hint");
        if (d.Has("commit_group"))
        {
            return new CommitGroup();
        }

        if (d.Has("wait_group") || d.Has("wait_all"))
        {
            return new WaitGroup(d.Has("wait_all") ? null : d.Constant(0));
        }

        int bytes = d.Constant(2);
        if (bytes is not (4 or 8 or 16) || (d.Has("cg") && bytes != 16) || d.Has("ca") == d.Has("cg"))
        {
            throw d.Failure("cp.async.ca copies 4, 8 or 16 bytes, cp.async.cg 16");
        }

        int last = d.Has("L2::cache_hint") ? d.Operands.Count - 1 : d.Operands.Count;
        bool ignore = last > 3 && d.Operand(3).Kind == OperandKind.Name && d.IsPredicate(d.Operand(3));
        return new CopyAsync(
            d.Address(0), d.Address(1), bytes, last > 3 && !ignore ? d.Source(3, PtxType.U32) : -1, ignore ? d.Condition(d.Operand(3)) : null);
    }

    private sealed class CopyAsync(Address target, Address source, int bytes, int size, Guard? ignore) : Instruction
    {
        public override unsafe void Execute(Warp warp, uint lanes)
        {
            Span<ulong> targets = stackalloc ulong[32];
            Span<ulong> sources = stackalloc ulong[32];
            target.Of(warp, lanes, targets);
            source.Of(warp, lanes, sources);
            _ = Access.Begin(warp, Space.Shared, targets, lanes, bytes, isWrite: true);
            uint reading = ignore is null ? lanes : lanes & ~ignore.Of(warp, lanes);
            ReadOnlySpan<uint> sizes = size < 0 ? default : warp.Read<uint>(size, lanes);

            // Lanes that read nothing may name any address.
            if (size >= 0)
            {
                for (uint rest = reading; rest != 0; rest &= rest - 1)
                {
                    int lane = BitOperations.TrailingZeroCount(rest);
                    reading &= sizes[lane] == 0 ? ~(1u << lane) : Warp.All;
                }
            }

            if (reading != 0)
            {
                _ = Access.Begin(warp, Space.Global, sources, reading, bytes, isWrite: false);
            }

            for (uint rest = lanes; rest != 0; rest &= rest - 1)
            {
                int lane = BitOperations.TrailingZeroCount(rest);
                int read = (reading >> lane & 1) == 0 ? 0 : size < 0 ? bytes : (int)sizes[lane];
                if (read < 0 || read > bytes)
                {
                    throw warp.Fault(lane, $"the source size {(uint)read} is above the {bytes} bytes copied");
                }

                if (read > 0 && warp.Launch.Memory.Find(sources[lane], (ulong)read) is null)
                {
                    throw warp.Fault(lane, warp.Launch.Memory.Describe(sources[lane], (ulong)read));
                }

                warp.Copies.Begin(lane, targets[lane], sources[lane], bytes, read);
            }
        }
    }

    private sealed class CommitGroup : Instruction
    {
        public override void Execute(Warp warp, uint lanes) => warp.Copies.Commit(lanes);
    }

    // wait_all waits for copies of open groups too: it is a commit and a wait for all groups.
    private sealed class WaitGroup(int? pending) : Instruction
    {
        public override void Execute(Warp warp, uint lanes)
        {
            if (pending is null)
            {
                warp.Copies.Commit(lanes);
            }

            warp.Copies.Wait(lanes, pending ?? 0);
        }
    }
}
