using System.Numerics;
using System.Runtime.CompilerServices;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>
/// A warp's cp.async instructions that are not yet waited for. Each lane counts its own groups: a copy belongs to the group that the lane's
/// next commit closes, and is done by the wait that leaves no more than so many later groups open (PTX manual, "cp.async.commit_group",
/// "cp.async.wait_group"). The bytes move at that wait, the latest moment hardware may choose, and are taken from the source then.
/// </summary>
internal sealed unsafe class AsyncCopies(Warp warp)
{
    private readonly List<Copy> _open = [];
    private readonly int[] _groups = new int[32];
    private readonly byte[] _buffer = new byte[16];

    public void Reset()
    {
        _open.Clear();
        Array.Clear(_groups);
    }

    /// <summary>Starts a copy of <paramref name="read"/> bytes, followed by zeros up to <paramref name="bytes"/>.</summary>
    public void Begin(int lane, ulong target, ulong source, int bytes, int read)
    {
        warp.Block.Shared.BeginCopy(warp, lane, target, bytes);
        _open.Add(new Copy(lane, _groups[lane], target, source, bytes, read));
    }

    /// <summary>Closes the lanes' groups.</summary>
    public void Commit(uint lanes)
    {
        for (uint rest = lanes; rest != 0; rest &= rest - 1)
        {
            _groups[BitOperations.TrailingZeroCount(rest)]++;
        }
    }

    /// <summary>Waits until at most <paramref name="pending"/> of the lanes' closed groups are under way.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Wait(uint lanes, int pending)
    {
        int kept = 0;
        for (int i = 0; i < _open.Count; i++)
        {
            Copy copy = _open[i];
            if ((lanes >> copy.Lane & 1) != 0 && copy.Group < _groups[copy.Lane] - pending)
            {
                Complete(copy);
            }
            else
            {
                _open[kept++] = copy;
            }
        }

        _open.RemoveRange(kept, _open.Count - kept);
    }

    private void Complete(in Copy copy)
    {
        Span<byte> value = _buffer.AsSpan(0, copy.Bytes);
        value.Clear();
        if (copy.Read > 0)
        {
            new ReadOnlySpan<byte>(warp.Launch.Memory.Find(copy.Source, (ulong)copy.Read), copy.Read).CopyTo(value);
        }

        warp.Block.Shared.CompleteCopy(warp, copy.Lane, copy.Target, value);
    }

    private readonly record struct Copy(int Lane, int Group, ulong Target, ulong Source, int Bytes, int Read);
}
