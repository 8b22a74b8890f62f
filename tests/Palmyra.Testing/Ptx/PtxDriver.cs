using System.Diagnostics;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx.Checking;
using Palmyra.Testing.Ptx.Execution;
using Palmyra.Testing.Ptx.Syntax;
using Palmyra.Testing.Ptx.Translation;

namespace Palmyra.Testing.Ptx;

/// <summary>
/// A GPU driver without a GPU: it interprets PTX, and refuses what a real GPU would answer with wrong numbers, a hang or a sticky error.
/// </summary>
/// <remarks>
/// What a kernel does wrong throws <see cref="PtxFailure"/>; what the host does wrong, <see cref="BackendException"/>, as with the real driver.
/// Work is done when it is asked for, blocks one after the other, so results are the same each time.
/// </remarks>
/// <param name="device">What it claims to be; null for a GPU of compute capability 9.0 with 8 GiB.</param>
public sealed class PtxDriver(GpuDevice? device = null) : IGpuDriver
{
    private const int MostThreads = 1024;
    private const int MostRows = 65535;

    private readonly Execution.DeviceMemory _memory = new();
    private readonly Dictionary<(string Entry, string Text), PtxFunction> _functions = [];
    private readonly Dictionary<string, PtxStatistics> _statistics = [];
    private readonly List<nint> _freeLater = [];
    private List<Action>? _recording;

    /// <inheritdoc/>
    public GpuDevice Device { get; } = device ?? new GpuDevice(0, "Interpreter of PTX", 9, 0, 8L << 30, 132, 232448, 13000);

    /// <summary>Bytes that can still be allocated. Set it to try what happens when memory runs out.</summary>
    public long FreeBytes { get; set; } = (device?.TotalBytes) ?? 8L << 30;

    /// <summary>Instructions (a warp's counting once) after which a launch is taken for a loop without end.</summary>
    public long InstructionBudget { get; set; } = 200_000_000;

    /// <summary>
    /// Whether the blocks of a grid run from the last to the first. The order is the hardware's affair, so a kernel must give the same either way
    /// but for the order in which floats are added by atomic instructions.
    /// </summary>
    public bool ReverseBlocks { get; set; }

    /// <summary>Whether products are joined to the sums that use them, as NVIDIA's assembler may; not within inline PTX.</summary>
    public bool Contracts { get; init; }

    /// <summary>Registers a thread that kernels claim to take; 0, as if nobody knew, unless a test is of what depends on them.</summary>
    public int Registers { get; init; }

    /// <summary>Allocations not given back.</summary>
    public int Allocations => _memory.Live;

    /// <summary>Kernels started so far, replayed ones included.</summary>
    public int Launches { get; private set; }

    /// <summary>What the latest launch did; null before the first.</summary>
    public PtxStatistics? LastLaunch { get; private set; }

    /// <summary>What all launches of each kernel did, by its name.</summary>
    public IReadOnlyDictionary<string, PtxStatistics> Statistics => _statistics;

    /// <inheritdoc/>
    public nint Allocate(long bytes)
    {
        if (bytes <= 0)
        {
            throw Refused($"allocating {bytes} bytes: the size must be positive");
        }

        if (bytes > FreeBytes)
        {
            throw Refused($"allocating {bytes} bytes: only {FreeBytes} are free");
        }

        FreeBytes -= bytes;
        return (nint)_memory.Allocate(bytes);
    }

    /// <inheritdoc/>
    public void Free(nint address)
    {
        if (!_memory.StartsAt((ulong)address) || _freeLater.Contains(address))
        {
            throw Refused($"freeing 0x{address:x}: no allocation starts there");
        }

        if (_recording is not null)
        {
            _freeLater.Add(address);
            return;
        }

        FreeBytes += _memory.Free((ulong)address) ?? 0;
    }

    /// <inheritdoc/>
    public void Clear(nint address, long bytes)
    {
        Check(address, bytes, "clearing");
        Do(() => Each(bytes, (at, count) => Host(address, at, count, "clearing").Clear()));
    }

    /// <inheritdoc/>
    public void CopyIn(nint address, ReadOnlySpan<byte> source)
    {
        RefuseWhileRecording("copying from the host");
        source.CopyTo(Host(address, 0, source.Length, "copying from the host"));
    }

    /// <inheritdoc/>
    public void CopyOut(Span<byte> destination, nint address)
    {
        RefuseWhileRecording("copying to the host");
        Host(address, 0, destination.Length, "copying to the host").CopyTo(destination);
    }

    /// <inheritdoc/>
    public void CopyWithin(nint destination, nint source, long bytes)
    {
        Check(destination, bytes, "copying");
        Check(source, bytes, "copying");
        if (destination < source + bytes && source < destination + bytes)
        {
            throw Refused("copying: the ranges overlap");
        }

        Do(() => Each(bytes, (at, count) => Host(source, at, count, "copying").CopyTo(Host(destination, at, count, "copying"))));
    }

    /// <inheritdoc/>
    public GpuFunction Load(PtxKernel kernel)
    {
        if (_functions.TryGetValue((kernel.Entry, kernel.Text), out PtxFunction? function))
        {
            return function;
        }

        PtxModule module = PtxModule.Of(kernel.Name, Contracts ? Contraction.Of(kernel.Text, out _) : kernel.Text);
        int capability = (10 * Device.Major) + Device.Minor;
        if (module.Target > capability)
        {
            throw Refused($"loading {kernel.Name}: it is compiled for compute capability {module.Target / 10}.{module.Target % 10}");
        }

        if (!module.Entries.TryGetValue(kernel.Entry, out PtxEntry? entry))
        {
            throw Refused($"loading {kernel.Name}: there is no entry {kernel.Entry}");
        }

        function = new PtxFunction(kernel, Translator.Translate(kernel.Name, module, entry), Registers);
        PtxChecker.Check(kernel.Name, module);
        _functions.Add((kernel.Entry, kernel.Text), function);
        return function;
    }

    /// <inheritdoc/>
    public void Launch(GpuFunction function, in LaunchShape shape, ReadOnlySpan<byte> arguments)
    {
        if (function is not PtxFunction { Program: Program program } || !_functions.ContainsValue((PtxFunction)function))
        {
            throw Refused("launching: the function was loaded by another driver");
        }

        string launching = $"launching {program.Name}";
        if (shape.GridX <= 0 || shape.GridY <= 0 || shape.GridY > MostRows)
        {
            throw Refused($"{launching}: a grid of {shape.GridX} x {shape.GridY} blocks");
        }

        if (shape.Threads <= 0 || shape.Threads > Math.Min(MostThreads, program.MaxThreads))
        {
            throw Refused($"{launching}: {shape.Threads} threads a block, but it is compiled for at most {program.MaxThreads}");
        }

        if (shape.SharedBytes < 0 || program.SharedBytes + shape.SharedBytes > Device.SharedBytesPerBlock)
        {
            int shared = program.SharedBytes + shape.SharedBytes;
            throw Refused($"{launching}: {shared} bytes of shared memory, the device has {Device.SharedBytesPerBlock}");
        }

        if (arguments.Length != program.ParameterBytes)
        {
            throw Refused($"{launching}: its parameters take {program.ParameterBytes} bytes, not {arguments.Length}");
        }

        LaunchShape copied = shape;
        byte[] parameters = arguments.ToArray();
        Do(() => Run(program, copied, parameters));
    }

    /// <inheritdoc/>
    public void BeginCapture()
    {
        RefuseWhileRecording("recording");
        _recording = [];
    }

    /// <inheritdoc/>
    public GpuGraph EndCapture()
    {
        nint[] memory = [.. _freeLater];
        var graph = new PtxGraph(_recording ?? throw Refused("ending a recording: none was begun"), () => Release(memory));
        _freeLater.Clear();
        _recording = null;
        return graph;
    }

    /// <inheritdoc/>
    public void Replay(GpuGraph graph)
    {
        RefuseWhileRecording("replaying");
        foreach (Action step in (graph as PtxGraph)?.Steps ?? throw Refused("replaying: the recording was given back or is another driver's"))
        {
            step();
        }
    }

    /// <inheritdoc/>
    /// <remarks>By the host's clock, which tells how long interpreting took.</remarks>
    public double Milliseconds(Action work)
    {
        RefuseWhileRecording("measuring");
        long start = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <inheritdoc/>
    public void Synchronize() => RefuseWhileRecording("waiting");

    /// <summary>Releases the memory, whatever was not freed included.</summary>
    public void Dispose() => _memory.Dispose();

    private void Release(nint[] memory)
    {
        foreach (nint address in memory)
        {
            FreeBytes += _memory.Free((ulong)address) ?? 0;
        }
    }

    private void Run(Program program, LaunchShape shape, byte[] arguments)
    {
        using var launch = new Launch(program, shape, arguments, _memory, InstructionBudget);
        LastLaunch = launch.Run(ReverseBlocks);
        Launches++;
        _statistics[program.Name] = _statistics.TryGetValue(program.Name, out PtxStatistics? before) ? before + LastLaunch : LastLaunch;
    }

    private void Do(Action work)
    {
        if (_recording is null)
        {
            work();
        }
        else
        {
            _recording.Add(work);
        }
    }

    // Spans hold at most two gigabytes.
    private static void Each(long bytes, Action<long, int> part)
    {
        const int Most = 1 << 30;
        for (long at = 0; at < bytes; at += Most)
        {
            part(at, (int)Math.Min(Most, bytes - at));
        }
    }

    private unsafe Span<byte> Host(nint address, long offset, int bytes, string doing) => new(Find(address + (nint)offset, bytes, doing), bytes);

    private unsafe void Check(nint address, long bytes, string doing) => Find(address, bytes, doing);

    private unsafe byte* Find(nint address, long bytes, string doing)
    {
        if (bytes == 0)
        {
            return null;
        }

        byte* host = bytes > 0 ? _memory.Find((ulong)address, (ulong)bytes) : null;
        return host is not null ? host : throw Refused($"{doing}: {_memory.Describe((ulong)address, (ulong)bytes)}");
    }

    private void RefuseWhileRecording(string doing)
    {
        if (_recording is not null)
        {
            throw Refused($"{doing}: not possible while launches are being recorded");
        }
    }

    private BackendException Refused(string what) => new($"{Device.Name} (GPU {Device.Index}), {what}.");
}
