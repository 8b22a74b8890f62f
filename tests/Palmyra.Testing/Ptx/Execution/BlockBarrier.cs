namespace Palmyra.Testing.Ptx.Execution;

/// <summary>
/// bar.sync and bar.red: warps wait until as many threads have come as the barrier expects (PTX manual, "bar, barrier"). Both are .aligned:
/// all threads of a warp come together. A warp whose threads have partly ended is refused, although today's hardware would let it pass,
/// for the manual asks for all threads of the block.
/// </summary>
internal sealed class BlockBarrier(int number, int? threads, BarrierReduction reduction, int target, Guard? vote) : Instruction
{
    /// <summary>Which of the block's sixteen barriers.</summary>
    public int Number { get; } = number;

    /// <summary>How many threads it waits for; null for the whole block.</summary>
    public int? Threads { get; } = threads;

    public override void Execute(Warp warp, uint lanes)
    {
        warp.RequireWhole(lanes, full: false);
        warp.Wait(this);
    }

    /// <summary>The lanes that vote for bar.red.</summary>
    public uint Votes(Warp warp) => vote is null ? 0 : vote.Of(warp, warp.Present);

    /// <summary>Lets a warp go on.</summary>
    public void Complete(Warp warp, int votes, int threads)
    {
        switch (reduction)
        {
            case BarrierReduction.Count:
                warp.Write<uint>(target, warp.Present).Fill((uint)votes);
                break;
            case BarrierReduction.And:
                warp.WritePredicate(target, warp.Present, votes == threads ? Warp.All : 0);
                break;
            case BarrierReduction.Or:
                warp.WritePredicate(target, warp.Present, votes > 0 ? Warp.All : 0);
                break;
        }

        warp.Release();
    }
}
