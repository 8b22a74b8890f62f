using Palmyra.Diagnostics;

namespace Palmyra.Gpu.Driver;

/// <summary>A driver that lets the launches of a small step wait, so that a step that was asked for before goes to the device as one graph.</summary>
/// <remarks>
/// <para>A decoded token takes hundreds of launches of a few microseconds each, nearly always the same ones: what changes from token to token
/// lies in buffers. After <see cref="BeginStep"/> launches are put into a list. Whatever else is asked for first sends the list off, so work
/// reaches the device in the order it was asked for, copies from the host included; allocating and loading touch no memory in use and let it
/// wait. A list that was never seen is launched one by one; seen again it is recorded, and from then on replayed.</para>
/// <para>A replay happens only in place of launches that were just asked for and are equal byte by byte, addresses included. So a recording
/// whose memory was given back and cut anew cannot do anything that its caller did not ask for. Recordings are dropped all the same when
/// memory goes back to the device, since most of them will never be asked for again.</para>
/// <para>Recording only saves time: where the driver refuses it, launches go one by one from then on (<see cref="WhyNoGraphs"/>).</para>
/// </remarks>
/// <param name="driver">What does the work; disposed with this object.</param>
/// <param name="graphs">Whether launches wait at all.</param>
internal sealed class StepDriver(IGpuDriver driver, bool graphs) : IGpuDriver
{
    /// <summary>Steps that are remembered, those asked for last. Batches of a few sizes with a growing past have some dozen at a time.</summary>
    public const int MostSteps = 32;

    // Fewer launches are not worth a recording.
    private const int LeastLaunches = 4;

    // A caller that never reads gets this far before its work begins.
    private const int MostLaunches = 4096;

    private readonly List<Step> _steps = [];
    private LaunchList _waiting = new();
    private bool _lets;

    /// <inheritdoc/>
    public GpuDevice Device => driver.Device;

    /// <inheritdoc/>
    public long FreeBytes => driver.FreeBytes;

    /// <summary>Kernels that were asked for, whether they were launched one by one or in a graph.</summary>
    public long Kernels { get; private set; }

    /// <summary>Kernels that were launched one by one.</summary>
    public long Launches { get; private set; }

    /// <summary>Graphs that were recorded.</summary>
    public long Recordings { get; private set; }

    /// <summary>Graphs that were started, each in place of a step's launches.</summary>
    public long Replays { get; private set; }

    /// <summary>Steps that are remembered now.</summary>
    public int Steps => _steps.Count;

    /// <summary>Why launches go one by one: nobody wants graphs, or what the driver said when it refused to record. Null while they wait.</summary>
    public string? WhyNoGraphs { get; private set; } = graphs ? null : "Graphs are switched off (GpuOptions.Graphs).";

    /// <summary>Whether a step was begun and nothing has waited for the device since.</summary>
    public bool InStep { get; private set; }

    /// <summary>
    /// Called before anything that launches, reads, writes or frees memory: what was asked for earlier and is held back elsewhere
    /// (<see cref="StepFusion"/>) is launched in it, and so keeps its place.
    /// </summary>
    public Action? Before { get; set; }

    /// <summary>Lets launches wait from now on, until something waits for the device.</summary>
    public void BeginStep()
    {
        Before?.Invoke();
        InStep = true;
        _lets = WhyNoGraphs is null;
    }

    /// <summary>Sends off what waits and lets nothing wait any more.</summary>
    public void EndStep()
    {
        InStep = false;
        try
        {
            Before?.Invoke();
        }
        finally
        {
            Stop();
        }
    }

    /// <inheritdoc/>
    public void Launch(GpuFunction function, in LaunchShape shape, ReadOnlySpan<byte> arguments)
    {
        Before?.Invoke();
        Kernels++;
        if (!_lets)
        {
            driver.Launch(function, shape, arguments);
            Launches++;
            return;
        }

        _waiting.Add(function, shape, arguments);
        if (_waiting.Count == MostLaunches)
        {
            Stop();
        }
    }

    /// <inheritdoc/>
    public nint Allocate(long bytes) => driver.Allocate(bytes);

    /// <inheritdoc/>
    public void Free(nint address)
    {
        try
        {
            Before?.Invoke();
            Flush();
        }
        finally
        {
            // What waited may fail; the memory is given back all the same.
            driver.Free(address);
            Forget(_steps.Count);
        }
    }

    /// <inheritdoc/>
    public void Clear(nint address, long bytes)
    {
        Before?.Invoke();
        Flush();
        driver.Clear(address, bytes);
    }

    /// <inheritdoc/>
    public void CopyIn(nint address, ReadOnlySpan<byte> source)
    {
        Before?.Invoke();
        Flush();
        driver.CopyIn(address, source);
    }

    /// <inheritdoc/>
    public void CopyOut(Span<byte> destination, nint address)
    {
        EndStep();
        driver.CopyOut(destination, address);
    }

    /// <inheritdoc/>
    public void CopyWithin(nint destination, nint source, long bytes)
    {
        Before?.Invoke();
        Flush();
        driver.CopyWithin(destination, source, bytes);
    }

    /// <inheritdoc/>
    public GpuFunction Load(PtxKernel kernel) => driver.Load(kernel);

    /// <inheritdoc/>
    public void BeginCapture()
    {
        EndStep();
        driver.BeginCapture();
    }

    /// <inheritdoc/>
    public GpuGraph EndCapture()
    {
        EndStep();
        return driver.EndCapture();
    }

    /// <inheritdoc/>
    public void Replay(GpuGraph graph)
    {
        Before?.Invoke();
        Flush();
        driver.Replay(graph);
    }

    /// <inheritdoc/>
    public double Milliseconds(Action work)
    {
        EndStep();
        return driver.Milliseconds(() =>
        {
            work();
            EndStep();
        });
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
        EndStep();
        driver.Synchronize();
    }

    /// <summary>Forgets what waits, since nobody is left to read it. Called before memory is given back for good.</summary>
    public void Abandon()
    {
        Before = null;
        InStep = false;
        _lets = false;
        _waiting.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The driver gives its graphs back itself, after waiting for them.
        Abandon();
        _steps.Clear();
        driver.Dispose();
    }

    private void Stop()
    {
        _lets = false;
        Flush();
    }

    private void Flush()
    {
        if (_waiting.Count == 0)
        {
            return;
        }

        try
        {
            Send();
        }
        finally
        {
            // After a failure too: what it left undone is in doubt, and must not run with somebody's later step.
            _waiting.Clear();
        }
    }

    private void Send()
    {
        if (_waiting.Count < LeastLaunches || WhyNoGraphs is not null)
        {
            LaunchWaiting();
            return;
        }

        int at = _steps.Count - 1;
        while (at >= 0 && !_steps[at].Launches.IsSame(_waiting))
        {
            at--;
        }

        if (at < 0)
        {
            LaunchWaiting();
            Remember();
            return;
        }

        // To the end: those at the front are forgotten first.
        Step step = _steps[at];
        _steps.RemoveAt(at);
        _steps.Add(step);
        step.Graph ??= Record();
        if (step.Graph is null)
        {
            LaunchWaiting();
            return;
        }

        driver.Replay(step.Graph);
        Replays++;
    }

    private void LaunchWaiting()
    {
        _waiting.LaunchOn(driver);
        Launches += _waiting.Count;
    }

    private void Remember()
    {
        if (_steps.Count == MostSteps)
        {
            // The graph may still run.
            driver.Synchronize();
            Forget(1);
        }

        _steps.Add(new Step(_waiting));
        _waiting = new LaunchList();
    }

    // Nothing is recorded while something else is, so every end here is that of the beginning above it.
    private GpuGraph? Record()
    {
        try
        {
            driver.BeginCapture();
            try
            {
                _waiting.LaunchOn(driver);
            }
            catch
            {
                driver.EndCapture().Dispose();
                throw;
            }

            GpuGraph graph = driver.EndCapture();
            Recordings++;
            return graph;
        }
        catch (BackendException failure)
        {
            WhyNoGraphs = failure.Message;
            return null;
        }
    }

    private void Forget(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _steps[i].Graph?.Dispose();
        }

        _steps.RemoveRange(0, count);
    }

    private sealed class Step(LaunchList launches)
    {
        public LaunchList Launches => launches;

        public GpuGraph? Graph { get; set; }
    }
}
