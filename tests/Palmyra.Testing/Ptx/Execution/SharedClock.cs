using System.Numerics;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>
/// What happened before what, between the warps of a block. A warp counts its synchronisations; for every other warp it knows up to which
/// count that warp's accesses come before its own. Barriers exchange this knowledge, whole-block ones and those of a few warps alike
/// (PTX manual, "Memory Consistency Model", "Synchronizes-with": barriers are morally strong synchronisation among those who take part).
/// </summary>
internal sealed class SharedClock(int warps)
{
    private readonly uint[] _known = new uint[warps * warps];
    private readonly uint[] _now = new uint[warps];
    private readonly uint[] _fence = new uint[warps];

    /// <summary>Counts are kept in as many bits; see <see cref="SharedMemory"/>.</summary>
    public const int Bits = 20;

    /// <summary>Starts a block over.</summary>
    public void Reset()
    {
        Array.Clear(_known);
        Array.Fill(_now, 1u);
        Array.Fill(_fence, 1u);
    }

    /// <summary>The count a warp's accesses carry now.</summary>
    public uint Now(int warp) => _now[warp];

    /// <summary>Whether what one warp did at a count comes before what another does now.</summary>
    /// <param name="warp">Who does something now.</param>
    /// <param name="other">Who did something before.</param>
    /// <param name="count">That one's count then.</param>
    public bool Ordered(int warp, int other, uint count) => count <= _known[(warp * _now.Length) + other];

    /// <summary>Whether what another lane of the same warp did at <paramref name="count"/> comes before what is done now.</summary>
    /// <param name="warp">The warp.</param>
    /// <param name="count">When it was done.</param>
    /// <param name="fenced">Whether only a barrier orders it, not merely a shuffle.</param>
    public bool OrderedWithin(int warp, uint count, bool fenced) => count < (fenced ? _fence[warp] : _now[warp]);

    /// <summary>A warp's lanes met in a warp-synchronous instruction.</summary>
    /// <param name="warp">The warp.</param>
    /// <param name="fence">Whether it also orders memory, as bar.warp.sync does.</param>
    public void MeetWithin(int warp, bool fence)
    {
        if (++_now[warp] >= 1u << Bits)
        {
            throw new InvalidOperationException("A block synchronises more often than the race detection can count.");
        }

        if (fence)
        {
            _fence[warp] = _now[warp];
        }
    }

    /// <summary>Warps met at a barrier: whatever one of them knew or did, all of them know.</summary>
    /// <param name="participants">A bit for each warp that was there.</param>
    public void Meet(uint participants)
    {
        int warps = _now.Length;
        Span<uint> joined = stackalloc uint[warps];
        joined.Clear();
        for (uint rest = participants; rest != 0; rest &= rest - 1)
        {
            int warp = BitOperations.TrailingZeroCount(rest);
            for (int other = 0; other < warps; other++)
            {
                joined[other] = Math.Max(joined[other], _known[(warp * warps) + other]);
            }

            joined[warp] = _now[warp];
        }

        for (uint rest = participants; rest != 0; rest &= rest - 1)
        {
            int warp = BitOperations.TrailingZeroCount(rest);
            joined.CopyTo(_known.AsSpan(warp * warps, warps));
            MeetWithin(warp, fence: true);
        }
    }
}
