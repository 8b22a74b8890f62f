using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;
using Palmyra.Testing.Ptx;

namespace Palmyra.Gpu.Tests;

/// <summary>An interpreter of PTX that keeps a log of what it was asked for and can be told to refuse.</summary>
internal sealed class WatchedDriver : IGpuDriver
{
    private readonly PtxDriver _driver = new();
    private bool _recording;

    /// <summary>The names of the calls so far: "Launch", "Replay", "CopyIn" and so on; "Record" is a launch that is being recorded.</summary>
    public List<string> Log { get; } = [];

    /// <summary>The call to refuse next, once; null for none.</summary>
    public string? Refuse { get; set; }

    /// <summary>Changes kernels before they are loaded; null for none.</summary>
    public Func<PtxKernel, PtxKernel>? Edit { get; init; }

    /// <summary>What does the work.</summary>
    public PtxDriver Interpreter => _driver;

    /// <summary>Graphs not given back.</summary>
    public int Graphs { get; private set; }

    public GpuDevice Device => _driver.Device;

    public long FreeBytes => _driver.FreeBytes;

    public int Count(string call) => Log.Count(logged => logged == call);

    public nint Allocate(long bytes) => _driver.Allocate(bytes);

    public void Free(nint address)
    {
        Ask(nameof(Free));
        _driver.Free(address);
    }

    public void Clear(nint address, long bytes)
    {
        Ask(nameof(Clear));
        _driver.Clear(address, bytes);
    }

    public void CopyIn(nint address, ReadOnlySpan<byte> source)
    {
        Ask(nameof(CopyIn));
        _driver.CopyIn(address, source);
    }

    public void CopyOut(Span<byte> destination, nint address)
    {
        Ask(nameof(CopyOut));
        _driver.CopyOut(destination, address);
    }

    public void CopyWithin(nint destination, nint source, long bytes)
    {
        Ask(nameof(CopyWithin));
        _driver.CopyWithin(destination, source, bytes);
    }

    public GpuFunction Load(PtxKernel kernel) => _driver.Load(Edit?.Invoke(kernel) ?? kernel);

    public void Launch(GpuFunction function, in LaunchShape shape, ReadOnlySpan<byte> arguments)
    {
        Ask(_recording ? "Record" : nameof(Launch));
        _driver.Launch(function, shape, arguments);
    }

    public void BeginCapture()
    {
        Ask(nameof(BeginCapture));
        _driver.BeginCapture();
        _recording = true;
    }

    public GpuGraph EndCapture()
    {
        _recording = false;
        var graph = new Graph(this, _driver.EndCapture());
        Graphs++;
        Ask(nameof(EndCapture));
        return graph;
    }

    public void Replay(GpuGraph graph)
    {
        Ask(nameof(Replay));
        _driver.Replay(((Graph)graph).Inner);
    }

    public double Milliseconds(Action work) => _driver.Milliseconds(work);

    public void Synchronize()
    {
        Ask(nameof(Synchronize));
        _driver.Synchronize();
    }

    public void Dispose() => _driver.Dispose();

    private void Ask(string call)
    {
        Log.Add(call);
        if (Refuse == call)
        {
            Refuse = null;
            throw new BackendException($"{call} was refused.");
        }
    }

    private sealed class Graph(WatchedDriver owner, GpuGraph inner) : GpuGraph
    {
        public GpuGraph Inner => inner;

        public override void Dispose()
        {
            owner.Graphs--;
            inner.Dispose();
        }
    }
}
