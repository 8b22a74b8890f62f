using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>
/// What happened to one byte of shared memory: the last write, the last read, the last read by another warp than that one's, and the thread
/// whose asynchronous copy will still write it. A record is thread (10 bits), two flags, the warp's count (<see cref="SharedClock.Bits"/>
/// bits); 0 is none, since counts start at 1.
/// </summary>
/// <remarks>
/// Two readers are enough: counts never fall, so of all reads that a later write might race with, the latest ones are the last to be ordered
/// before it, and one of these two is not of the writer's own warp.
/// </remarks>
internal readonly struct History
{
    /// <summary>By an atomic or volatile instruction: two such never race.</summary>
    public const uint Strong = 1u << SharedClock.Bits;

    /// <summary>Of a write: by an asynchronous copy. Of a read: by several lanes of the warp.</summary>
    public const uint Special = 2u << SharedClock.Bits;

    // One vector, because bytes that were accessed together have the same history, and the check of one is the check of all.
    private readonly Vector128<uint> _records;

    public History(uint writer, uint reader, uint otherReader, uint copier) => _records = Vector128.Create(writer, reader, otherReader, copier);

    public uint Writer => _records.GetElement(0);

    public uint Reader => _records.GetElement(1);

    public uint OtherReader => _records.GetElement(2);

    /// <summary>Thread + 1 of a copy under way, or 0.</summary>
    public uint Copier => _records.GetElement(3);

    public static uint Record(int thread, uint count, uint flags = 0) => (uint)thread << 22 | flags | count;

    public static int Thread(uint record) => (int)(record >> 22);

    public static int Warp(uint record) => (int)(record >> 27);

    public static uint Count(uint record) => record & (Strong - 1);

    /// <summary>Whether two bytes have seen the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Equals(in History other) => _records == other._records;
}
