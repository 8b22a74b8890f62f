using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Palmyra.Backends.Cpu;

/// <summary>Fixed threads that carry out one region of work at a time, in chunks drawn from atomic counters.</summary>
/// <remarks>
/// <para>Each worker has a run of neighbouring items for its own, so that what it reads lies in one stretch of memory; one that is through
/// with its own helps the others with theirs.</para>
/// <para>A region of few threads costs a fraction of a microsecond and allocates nothing: workers spin for a moment between regions and only then sleep.
/// The caller works too, and waits only for workers that have entered: one whose core is taken away delays nobody.</para>
/// <para>Who computes a chunk is a matter of chance; a job must not let it, nor the number of threads, show in its result.
/// A pool serves one caller at a time. An exception in a job ends the region's hand-out and is thrown to the caller.</para>
/// </remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    /// <summary>How long a worker looks for the next region before it sleeps; also how long sampling between two steps may take unpunished.</summary>
    private static readonly long SpinTicks = Stopwatch.Frequency * 150 / 1_000_000;

    private readonly Thread[] _threads;
    private readonly object _parking = new();
    private readonly Share[] _shares;
    private Shared _shared;
    private delegate*<void*, int, int, int, void> _job;
    private void* _context;
    private int _chunk;
    private ExceptionDispatchInfo? _failure;
    private volatile bool _stopping;

    // Hot words on cache lines of their own. Gate: workers inside, plus Closed while no region is open.
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Shared
    {
        [FieldOffset(128)]
        public int Gate;

        [FieldOffset(256)]
        public int Region;

        [FieldOffset(260)]
        public int Parked;
    }

    // The next item of a worker's own run, and where the run ends.
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Share
    {
        [FieldOffset(0)]
        public int Next;

        [FieldOffset(4)]
        public int End;
    }

    private const int Closed = int.MinValue;

    /// <summary>Starts <paramref name="threads"/> − 1 workers; the caller is the last.</summary>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        Threads = threads;
        _shared.Gate = Closed;
        _shares = new Share[threads];
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"Palmyra worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Threads that work on a region, the caller's included.</summary>
    public int Threads { get; }

    /// <summary>Calls <paramref name="job"/>(context, start, end, worker) until [0, count) is covered in chunks; returns when all are done.</summary>
    /// <param name="count">Items.</param>
    /// <param name="chunk">Items a call takes at most; all of them where nobody is there to share with.</param>
    /// <param name="job">What to do; <c>worker</c> is below <see cref="Threads"/> and belongs to one thread.</param>
    /// <param name="context">Handed to the job.</param>
    public void Run(int count, int chunk, delegate*<void*, int, int, int, void> job, void* context)
    {
        ObjectDisposedException.ThrowIf(_stopping, this);
        if (_threads.Length == 0 || count <= chunk)
        {
            if (count > 0)
            {
                job(context, 0, count, 0);
            }

            return;
        }

        _job = job;
        _context = context;
        _chunk = chunk;
        _failure = null;
        for (int i = 0; i < _shares.Length; i++)
        {
            _shares[i].Next = (int)((long)count * i / _shares.Length);
            _shares[i].End = (int)((long)count * (i + 1) / _shares.Length);
        }

        Volatile.Write(ref _shared.Gate, 0);
        Interlocked.Increment(ref _shared.Region);
        if (Volatile.Read(ref _shared.Parked) > 0)
        {
            lock (_parking)
            {
                Monitor.PulseAll(_parking);
            }
        }

        DrawChunks(0);
        Interlocked.Add(ref _shared.Gate, Closed);
        int spins = 0;
        while (Volatile.Read(ref _shared.Gate) != Closed)
        {
            if (++spins % 4096 == 0)
            {
                Thread.Yield();
            }
            else
            {
                Thread.SpinWait(1);
            }
        }

        _failure?.Throw();
    }

    /// <summary>The same for work that holds managed objects, such as loading; allocates a little.</summary>
    public void Run(int count, int chunk, Action<int, int, int> job)
    {
        GCHandle handle = GCHandle.Alloc(job);
        try
        {
            Run(count, chunk, &Call, (void*)GCHandle.ToIntPtr(handle));
        }
        finally
        {
            handle.Free();
        }

        static void Call(void* context, int start, int end, int worker) =>
            ((Action<int, int, int>)GCHandle.FromIntPtr((nint)context).Target!)(start, end, worker);
    }

    /// <summary>Ends the workers and waits for them; a second call does nothing.</summary>
    public void Dispose()
    {
        _stopping = true;
        lock (_parking)
        {
            Monitor.PulseAll(_parking);
        }

        foreach (Thread thread in _threads)
        {
            thread.Join();
        }
    }

    private void DrawChunks(int worker)
    {
        try
        {
            for (int i = 0; i < _shares.Length; i++)
            {
                ref Share share = ref _shares[(worker + i) % _shares.Length];
                int start;

                // Looked at before it is drawn from: an empty share's counter is then only read, however many workers pass by.
                while (Volatile.Read(ref share.Next) < share.End
                    && (start = Interlocked.Add(ref share.Next, _chunk) - _chunk) < share.End && start >= 0)
                {
                    _job(_context, start, (int)Math.Min((long)start + _chunk, share.End), worker);
                }
            }
        }
        catch (Exception error)
        {
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(error), null);
            for (int i = 0; i < _shares.Length; i++)
            {
                Volatile.Write(ref _shares[i].Next, _shares[i].End);
            }
        }
    }

    private void Work(int worker)
    {
        int done = 0;
        while (!_stopping)
        {
            long deadline = 0;
            int spins = 0;
            while (Volatile.Read(ref _shared.Region) == done && !_stopping)
            {
                Thread.SpinWait(1);
                if (++spins % 64 == 0)
                {
                    long now = Stopwatch.GetTimestamp();
                    deadline = deadline == 0 ? now + SpinTicks : deadline;
                    if (now > deadline)
                    {
                        Park(done);
                    }
                }
            }

            done = Volatile.Read(ref _shared.Region);
            if (TryEnter())
            {
                DrawChunks(worker);
                Interlocked.Decrement(ref _shared.Gate);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryEnter()
    {
        int gate = Volatile.Read(ref _shared.Gate);
        while (gate >= 0)
        {
            int found = Interlocked.CompareExchange(ref _shared.Gate, gate + 1, gate);
            if (found == gate)
            {
                return true;
            }

            gate = found;
        }

        return false;
    }

    private void Park(int done)
    {
        lock (_parking)
        {
            Interlocked.Increment(ref _shared.Parked);
            while (Volatile.Read(ref _shared.Region) == done && !_stopping)
            {
                Monitor.Wait(_parking);
            }

            Interlocked.Decrement(ref _shared.Parked);
        }
    }
}
