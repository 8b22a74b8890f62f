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
internal struct History : IEquatable<History>
{
    /// <summary>By an atomic or volatile instruction: two such never race.</summary>
    public const uint Strong = 1u << SharedClock.Bits;

    /// <summary>Of a write: by an asynchronous copy. Of a read: by several lanes of the warp.</summary>
    public const uint Special = 2u << SharedClock.Bits;

    public uint Writer;
    public uint Reader;
    public uint OtherReader;

    /// <summary>Thread + 1 of a copy under way, or 0.</summary>
    public uint Copier;

    public static uint Record(int thread, uint count, uint flags = 0) => (uint)thread << 22 | flags | count;

    public static int Thread(uint record) => (int)(record >> 22);

    public static int Warp(uint record) => (int)(record >> 27);

    public static uint Count(uint record) => record & (Strong - 1);

    // Bytes that were accessed together have the same history, and the check of one is the check of all.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Equals(History other) =>
        Unsafe.BitCast<History, Vector128<uint>>(this) == Unsafe.BitCast<History, Vector128<uint>>(other);

    public override readonly bool Equals(object? obj) => obj is History other && Equals(other);

    public override readonly int GetHashCode() => HashCode.Combine(Writer, Reader, OtherReader, Copier);
}
