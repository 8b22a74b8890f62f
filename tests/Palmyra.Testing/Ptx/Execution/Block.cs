using System.Numerics;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>
/// A block of threads. Its warps run one after the other, each until it waits at a barrier; that is one of the orders hardware may choose,
/// and <see cref="SharedMemory"/> finds what another order would change.
/// </summary>
internal sealed class Block : IDisposable
{
    private readonly Warp[] _warps;
    private readonly int _threads;

    public Block(Launch launch)
    {
        _threads = launch.Shape.Threads;
        _warps = new Warp[(_threads + 31) / 32];
        Clock = new SharedClock(_warps.Length);
        Shared = new SharedMemory(launch.Program.SharedBytes + launch.Shape.SharedBytes, Clock);
        for (int i = 0; i < _warps.Length; i++)
        {
            _warps[i] = new Warp(launch, this, i);
        }
    }

    public int X { get; private set; }

    public int Y { get; private set; }

    public SharedMemory Shared { get; }

    public SharedClock Clock { get; }

    /// <summary>Runs the block at a place in the grid.</summary>
    public void Run(int x, int y)
    {
        X = x;
        Y = y;
        Shared.Reset();
        foreach (Warp warp in _warps)
        {
            warp.Reset();
        }

        do
        {
            foreach (Warp warp in _warps)
            {
                warp.Run();
            }
        }
        while (OpenBarriers());
    }

    public void Dispose()
    {
        Shared.Dispose();
        foreach (Warp warp in _warps)
        {
            warp.Dispose();
        }
    }

    // Every warp waits or has ended: lets those go on whose barrier is complete. If none is, they would wait for ever.
    private bool OpenBarriers()
    {
        bool opened = false;
        Warp? stuck = null;
        for (int number = 0; number < 16; number++)
        {
            uint participants = 0;
            int arrived = 0;
            Warp? first = null;
            foreach (Warp warp in _warps)
            {
                if (warp.Waiting is BlockBarrier waiting && waiting.Number == number)
                {
                    first ??= warp;
                    participants |= 1u << warp.Index;
                    arrived += BitOperations.PopCount(warp.Present);
                    if (waiting.Threads != first.Waiting!.Threads || (waiting.Threads is null && waiting != first.Waiting))
                    {
                        string elsewhere = $"warp {first.Index} waits at line {first.Waiting.Line}";
                        throw warp.Fault(0, $"warp {warp.Index} waits here while {elsewhere}: the block's threads have taken different ways");
                    }
                }
            }

            if (first is null)
            {
                continue;
            }

            int expected = first.Waiting!.Threads ?? _threads;
            if (arrived == expected)
            {
                Open(participants, expected);
                opened = true;
            }
            else
            {
                stuck ??= first;
            }
        }

        return opened || stuck is null ? opened : throw Stuck(stuck);
    }

    private void Open(uint participants, int threads)
    {
        Clock.Meet(participants);
        int votes = 0;
        for (uint rest = participants; rest != 0; rest &= rest - 1)
        {
            Warp warp = _warps[BitOperations.TrailingZeroCount(rest)];
            votes += BitOperations.PopCount(warp.Waiting!.Votes(warp));
        }

        for (uint rest = participants; rest != 0; rest &= rest - 1)
        {
            Warp warp = _warps[BitOperations.TrailingZeroCount(rest)];
            warp.Waiting!.Complete(warp, votes, threads);
        }
    }

    private PtxFailure Stuck(Warp stuck)
    {
        BlockBarrier barrier = stuck.Waiting!;
        int there = _warps.Where(warp => warp.Waiting?.Number == barrier.Number).Sum(warp => BitOperations.PopCount(warp.Present));
        IEnumerable<string> others = _warps.Where(warp => warp.Waiting?.Number != barrier.Number)
            .Select(warp => $"warp {warp.Index} {(warp.Waiting is null ? "has ended" : $"waits at line {warp.Waiting.Line}")}");
        string come = $"{there} of {barrier.Threads ?? _threads} threads have come ({string.Join(", ", others)})";
        return stuck.Fault(0, $"the barrier waits for ever: {come}");
    }
}
