using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>
/// A block's shared memory, which knows for each byte who touched it when, and refuses what the memory model leaves undefined:
/// <list type="bullet">
/// <item>a read of bytes nobody wrote;</item>
/// <item>two accesses of different threads, at least one a write, with nothing that orders them (PTX manual, "Memory Consistency Model",
/// "Data Races"). A barrier orders; so does, between lanes of one warp, any warp-synchronous instruction. That is more generous than the
/// manual, where only bar.warp.sync orders memory, but it is how hardware behaves. Two writes of the same value are let pass;</item>
/// <item>an access to bytes that a cp.async will still write, its own thread's included (PTX manual, "Data Movement and Conversion
/// Instructions: Asynchronous copy": the writes are made visible to the executing thread by the wait, and to others by a barrier after it).
/// A copy therefore counts as a write of its thread at the wait, which only a real barrier orders before other threads' reads.</item>
/// </list>
/// </summary>
internal sealed unsafe class SharedMemory : IDisposable
{
    // The thread of an access that several make together: nobody's earlier access is its own.
    private const int Nobody = -1;

    private readonly byte* _bytes;
    private readonly History[] _history;
    private readonly SharedClock _clock;

    public SharedMemory(int bytes, SharedClock clock)
    {
        _history = new History[bytes];
        _clock = clock;
        _bytes = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), 256);
    }

    /// <summary>Bytes the block has.</summary>
    public int Length => _history.Length;

    /// <summary>Starts a block over: nothing is written.</summary>
    public void Reset()
    {
        Array.Clear(_history);
        _clock.Reset();
    }

    /// <summary>Checks and records a read.</summary>
    /// <param name="warp">Who reads.</param>
    /// <param name="lane">Which of its lanes.</param>
    /// <param name="address">From where.</param>
    /// <param name="bytes">How much.</param>
    /// <param name="strong">Whether it is a volatile or atomic read.</param>
    /// <param name="together">Whether other lanes of the warp read from these bytes with it, as ldmatrix does.</param>
    /// <returns>Where the bytes are.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public byte* Read(Warp warp, int lane, ulong address, int bytes, bool strong, bool together = false)
    {
        Span<History> histories = Range(warp, lane, address, bytes);
        int thread = together ? Nobody : warp.Thread(lane);
        uint record = History.Record(warp.Thread(lane), _clock.Now(warp.Index), (strong ? History.Strong : 0) | (together ? History.Special : 0));
        while (histories.Length > 0)
        {
            History history = histories[0];
            int same = Same(histories);
            if (history.Copier != 0)
            {
                throw warp.Fault(lane, $"reads {Place(address)} before thread {history.Copier - 1} has waited for the cp.async that writes it");
            }

            if (history.Writer == 0)
            {
                throw warp.Fault(lane, $"reads {Place(address)} that nobody has written");
            }

            if (Races(warp, thread, history.Writer, strong, isWrite: true))
            {
                string writer = $"thread {History.Thread(history.Writer)}";
                throw warp.Fault(lane, (history.Writer & History.Special) != 0
                    ? $"reads {Place(address)} that {writer} copied with cp.async and waited for, without a barrier after that wait"
                    : $"reads {Place(address)} that {writer} wrote, without a barrier between: a race");
            }

            uint reader = history.Reader;
            bool otherWarp = reader != 0 && History.Warp(reader) != warp.Index;
            bool several = !otherWarp && reader != 0 && History.Count(reader) == History.Count(record)
                && (History.Thread(reader) != thread || (reader & History.Special) != 0);
            uint latest = several ? record | History.Special : record;
            histories[..same].Fill(new History(history.Writer, latest, otherWarp ? reader : history.OtherReader, copier: 0));
            histories = histories[same..];
        }

        return _bytes + address;
    }

    /// <summary>Checks and records a write, and does it.</summary>
    public void Write(Warp warp, int lane, ulong address, ReadOnlySpan<byte> value, bool strong)
    {
        Record(warp, lane, address, value.Length, value, strong ? History.Strong : 0);
        value.CopyTo(new Span<byte>(_bytes + address, value.Length));
    }

    /// <summary>Checks and records an atomic update.</summary>
    /// <returns>Where the bytes are.</returns>
    public byte* Update(Warp warp, int lane, ulong address, int bytes)
    {
        Span<History> histories = Range(warp, lane, address, bytes);
        if (histories[0].Writer == 0)
        {
            throw warp.Fault(lane, $"updates shared memory at {address} that nobody has written");
        }

        Record(warp, lane, address, bytes, default, History.Strong);
        return _bytes + address;
    }

    /// <summary>Records that an asynchronous copy will write; until it is waited for, nobody may touch the bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void BeginCopy(Warp warp, int lane, ulong address, int bytes)
    {
        Record(warp, lane, address, bytes, default, History.Special);
        Span<History> histories = Range(warp, lane, address, bytes);
        histories.Fill(new History(histories[0].Writer, reader: 0, otherReader: 0, (uint)warp.Thread(lane) + 1));
    }

    /// <summary>Does an asynchronous copy whose wait has come.</summary>
    public void CompleteCopy(Warp warp, int lane, ulong address, ReadOnlySpan<byte> value)
    {
        uint record = History.Record(warp.Thread(lane), _clock.Now(warp.Index), History.Special);
        Range(warp, lane, address, value.Length).Fill(new History(record, reader: 0, otherReader: 0, copier: 0));
        value.CopyTo(new Span<byte>(_bytes + address, value.Length));
    }

    public void Dispose() => NativeMemory.AlignedFree(_bytes);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Record(Warp warp, int lane, ulong address, int bytes, ReadOnlySpan<byte> value, uint flags)
    {
        Span<History> histories = Range(warp, lane, address, bytes);
        int thread = warp.Thread(lane);
        bool strong = (flags & History.Strong) != 0;
        bool sameValue = value.SequenceEqual(new ReadOnlySpan<byte>(_bytes + address, value.Length)) && value.Length > 0;
        for (Span<History> left = histories; left.Length > 0; left = left[Same(left)..])
        {
            History history = left[0];
            if (history.Copier != 0)
            {
                throw warp.Fault(lane, $"writes {Place(address)} before thread {history.Copier - 1} has waited for the cp.async that writes it");
            }

            if (!sameValue && Races(warp, thread, history.Writer, strong, isWrite: true))
            {
                int writer = History.Thread(history.Writer);
                throw warp.Fault(lane, $"writes {Place(address)} that thread {writer} wrote, without a barrier between: a race");
            }

            bool races = Races(warp, thread, history.Reader, strong, isWrite: false);
            if (races || Races(warp, thread, history.OtherReader, strong, isWrite: false))
            {
                int reader = History.Thread(races ? history.Reader : history.OtherReader);
                throw warp.Fault(lane, $"writes {Place(address)} that thread {reader} read, without a barrier between: a race");
            }
        }

        histories.Fill(new History(History.Record(thread, _clock.Now(warp.Index), flags), reader: 0, otherReader: 0, copier: 0));
    }

    // Whether an earlier access may still be under way when this thread makes its own.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Races(Warp warp, int thread, uint record, bool strong, bool isWrite)
    {
        bool special = (record & History.Special) != 0;
        if (record == 0 || (strong && (record & History.Strong) != 0) || (History.Thread(record) == thread && (isWrite || !special)))
        {
            return false;
        }

        uint count = History.Count(record);
        return History.Warp(record) == warp.Index
            ? !_clock.OrderedWithin(warp.Index, count, fenced: isWrite && special)
            : !_clock.Ordered(warp.Index, History.Warp(record), count);
    }

    private static string Place(ulong address) => $"shared memory at {address}";

    private Span<History> Range(Warp warp, int lane, ulong address, int bytes) =>
        address + (ulong)bytes <= (ulong)_history.Length
            ? _history.AsSpan((int)address, bytes)
            : throw warp.Fault(lane, $"the {bytes} bytes at {address} do not lie in the block's {_history.Length} bytes of shared memory");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Same(Span<History> histories)
    {
        int same = 1;
        while (same < histories.Length && histories[same].Equals(in histories[0]))
        {
            same++;
        }

        return same;
    }
}
