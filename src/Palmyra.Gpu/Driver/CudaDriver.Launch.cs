using System.Runtime.InteropServices;
using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Compilation;

namespace Palmyra.Gpu.Driver;

public sealed unsafe partial class CudaDriver
{
    private const int RelaxedCapture = 2;
    private const int JitLogBytes = 8192;
    private const int LongestQuote = 500;

    // Numbers of CUfunction_attribute.
    private const int SharedSizeBytes = 1;
    private const int LocalSizeBytes = 3;
    private const int RegisterCount = 4;
    private const int MaxDynamicSharedSizeBytes = 8;

    // What a block may have without its kernel being allowed more first, static and dynamic together.
    private const int DefaultSharedBytes = 48 * 1024;

    private readonly Dictionary<PtxKernel, CudaFunction> _functions = [];
    private readonly HashSet<CudaGraph> _graphs = [];
    private CudaFunction? _last;
    private bool _capturing;

    /// <inheritdoc/>
    /// <remarks>The driver's assembler runs here; the driver keeps what it makes in a cache of its own.</remarks>
    public GpuFunction Load(PtxKernel kernel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        Enter();
        if (_functions.TryGetValue(kernel, out CudaFunction? known))
        {
            return known;
        }

        nint module = LoadModule(kernel);
        try
        {
            nint function = 0;
            fixed (byte* entry = Encoding.UTF8.GetBytes(kernel.Entry + '\0'))
            {
                Check(_cuda.ModuleGetFunction(&function, module, entry), $"finding the entry {kernel.Entry} of kernel {kernel.Name}");
            }

            int registers = 0;
            int local = 0;
            int shared = 0;
            Check(_cuda.FuncGetAttribute(&registers, RegisterCount, function), $"asking for the registers of kernel {kernel.Name}");
            Check(_cuda.FuncGetAttribute(&local, LocalSizeBytes, function), $"asking for the local memory of kernel {kernel.Name}");
            Check(_cuda.FuncGetAttribute(&shared, SharedSizeBytes, function), $"asking for the shared memory of kernel {kernel.Name}");
            var loaded = new CudaFunction(kernel, this, module, function, registers, local)
            {
                ParameterBytes = PtxText.Read(kernel.Text).ParameterBytes,
                StaticSharedBytes = shared,
                SharedLimit = DefaultSharedBytes - shared,
            };
            _functions.Add(kernel, loaded);
            return loaded;
        }
        catch (FormatException failure)
        {
            _cuda.ModuleUnload(module);
            throw new BackendException($"{Who} cannot use kernel {kernel.Name}: {failure.Message}", failure);
        }
        catch
        {
            _cuda.ModuleUnload(module);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Launch(GpuFunction function, in LaunchShape shape, ReadOnlySpan<byte> arguments)
    {
        Enter();
        if (function is not CudaFunction kernel || !ReferenceEquals(kernel.Owner, this))
        {
            throw new BackendException($"{Who} was asked to start kernel {function?.Kernel.Name}, which it did not load.");
        }

        if (shape.GridX < 1 || shape.GridY < 1 || shape.Threads < 1 || shape.Threads > kernel.Kernel.Threads || shape.SharedBytes < 0)
        {
            throw new BackendException(
                $"Kernel {kernel.Kernel.Name} runs in blocks of up to {kernel.Kernel.Threads} threads; found {shape}.");
        }

        // A wrong length is a parameter forgotten or of the wrong width, which the library would not call by its name.
        if (arguments.Length != kernel.ParameterBytes)
        {
            throw new BackendException(
                $"Kernel {kernel.Kernel.Name} takes {kernel.ParameterBytes} bytes of parameters; found {arguments.Length}.");
        }

        if (shape.SharedBytes > kernel.SharedLimit)
        {
            AllowShared(kernel, shape.SharedBytes);
        }

        // CU_LAUNCH_PARAM_BUFFER_POINTER, its value, CU_LAUNCH_PARAM_BUFFER_SIZE, its value, CU_LAUNCH_PARAM_END; the bytes are copied.
        nuint size = (nuint)arguments.Length;
        fixed (byte* packed = arguments)
        {
            void** extra = stackalloc void*[] { (void*)1, packed, (void*)2, &size, null };
            int result = _cuda.LaunchKernel(
                kernel.Handle,
                (uint)shape.GridX, (uint)shape.GridY, 1, (uint)shape.Threads, 1, 1,
                (uint)shape.SharedBytes, _stream, null, extra);
            if (result != 0)
            {
                Fail(result, $"starting kernel {kernel.Kernel.Name}", $" ({shape})");
            }
        }

        _last = kernel;
    }

    /// <inheritdoc/>
    public void BeginCapture()
    {
        Enter();
        RefuseCapture("starting a recording");

        // Relaxed: another thread's calls, and our own to allocate or to load, are not an error while this stream records.
        Check(_cuda.StreamBeginCapture(_stream, RelaxedCapture), "starting to record");
        _capturing = true;
    }

    /// <inheritdoc/>
    public GpuGraph EndCapture()
    {
        Enter();
        if (!_capturing)
        {
            throw new BackendException($"{Who} was asked to end a recording that was not started.");
        }

        nint graph = 0;
        nint ready = 0;
        nint[] memory = [.. _freeLater];
        _freeLater.Clear();
        _capturing = false;
        try
        {
            Check(_cuda.StreamEndCapture(_stream, &graph), "ending a recording");
            Check(_cuda.GraphInstantiate(&ready, graph, 0), "readying a recording");
        }
        catch
        {
            // There is no recording that could name it.
            Release(memory);
            throw;
        }
        finally
        {
            if (graph != 0)
            {
                _cuda.GraphDestroy(graph);
            }
        }

        var recorded = new CudaGraph(this, ready, memory);
        _graphs.Add(recorded);
        return recorded;
    }

    /// <inheritdoc/>
    public void Replay(GpuGraph graph)
    {
        Enter();
        if (graph is not CudaGraph recorded || !_graphs.Contains(recorded))
        {
            throw new BackendException($"{Who} was asked to replay a recording that is not its own or was given back.");
        }

        Check(_cuda.GraphLaunch(recorded.Handle, _stream), "replaying a recording");
    }

    /// <inheritdoc/>
    /// <remarks>Between two of the device's own events, which tell half microseconds apart.</remarks>
    public double Milliseconds(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        Enter();
        RefuseCapture("measuring");
        nint* events = stackalloc nint[2] { 0, 0 };
        float elapsed = 0;
        try
        {
            Check(_cuda.EventCreate(&events[0], 0), "creating an event");
            Check(_cuda.EventCreate(&events[1], 0), "creating an event");
            Check(_cuda.EventRecord(events[0], _stream), "marking the start of a measurement");
            work();
            Check(_cuda.EventRecord(events[1], _stream), "marking the end of a measurement");
            Wait("waiting for what is measured");
            Check(_cuda.EventElapsedTime(&elapsed, events[0], events[1]), "reading a measurement");
            return elapsed;
        }
        finally
        {
            for (int i = 0; i < 2; i++)
            {
                if (events[i] != 0)
                {
                    _cuda.EventDestroy(events[i]);
                }
            }
        }
    }

    private nint LoadModule(PtxKernel kernel)
    {
        // CUjit_option: 3 and 4 are the buffer of the assembler's remarks and its size, 5 and 6 those of its errors.
        nint module = 0;
        byte[] log = new byte[2 * JitLogBytes];
        fixed (byte* text = Encoding.UTF8.GetBytes(kernel.Text + '\0'))
        fixed (byte* remarks = log)
        {
            byte* errors = remarks + JitLogBytes;
            int* options = stackalloc int[] { 3, 4, 5, 6 };
            void** values = stackalloc void*[] { remarks, (void*)JitLogBytes, errors, (void*)JitLogBytes };
            int result = _cuda.ModuleLoadDataEx(&module, text, 4, options, values);
            if (result != 0)
            {
                string said = Quote(log.AsSpan(JitLogBytes)) is { Length: > 0 } error ? error : Quote(log.AsSpan(0, JitLogBytes));
                Fail(result, $"loading kernel {kernel.Name}", said.Length == 0 ? string.Empty : $"; its assembler says: {said}");
            }
        }

        return module;
    }

    private void AllowShared(CudaFunction kernel, int bytes)
    {
        if (bytes > Device.SharedBytesPerBlock - kernel.StaticSharedBytes)
        {
            throw new BackendException(
                $"Kernel {kernel.Kernel.Name} asks for {(long)bytes + kernel.StaticSharedBytes:N0} bytes of shared memory a block; "
                + $"{Who} has {Device.SharedBytesPerBlock:N0}.");
        }

        Check(
            _cuda.FuncSetAttribute(kernel.Handle, MaxDynamicSharedSizeBytes, bytes),
            $"allowing kernel {kernel.Kernel.Name} {bytes:N0} bytes of shared memory");
        kernel.SharedLimit = bytes;
    }

    private void RefuseCapture(string doing)
    {
        if (_capturing)
        {
            throw new BackendException($"{Who} is recording: {doing} cannot be recorded, end the recording first.");
        }
    }

    /// <summary>Gives memory back that no recording names any more; what cannot be given back now is at the driver's disposal.</summary>
    private void Release(IReadOnlyList<nint> memory)
    {
        if (memory.Count == 0)
        {
            return;
        }

        // Waiting would spoil a recording.
        if (_capturing || _lost is not null || _cuda.StreamSynchronize(_stream) != 0)
        {
            _freeLater.AddRange(memory);
            return;
        }

        _staging.AllSent();
        foreach (nint address in memory)
        {
            if (_cuda.MemFree(address) != 0)
            {
                _freeLater.Add(address);
            }
        }
    }

    private void AbandonCapture()
    {
        nint graph = 0;
        _capturing = false;
        if (_cuda.StreamEndCapture(_stream, &graph) == 0 && graph != 0)
        {
            _cuda.GraphDestroy(graph);
        }
    }

    private void DisposeLaunching()
    {
        foreach (CudaGraph graph in _graphs)
        {
            _cuda.GraphExecDestroy(graph.Handle);
            _freeLater.AddRange(graph.Memory);
        }

        foreach (CudaFunction function in _functions.Values)
        {
            _cuda.ModuleUnload(function.Module);
        }

        _graphs.Clear();
        _functions.Clear();
    }

    private void Discard(CudaGraph graph)
    {
        // After the driver's own disposal there is nothing left to give back.
        if (!_graphs.Remove(graph))
        {
            return;
        }

        try
        {
            // After a loss neither, and this says so; Dispose is no place to tell of it.
            Enter();
            Check(_cuda.GraphExecDestroy(graph.Handle), "giving a recording back");
        }
        catch (BackendException) when (_lost is not null)
        {
        }
        finally
        {
            Release(graph.Memory);
        }
    }

    private static string Quote(ReadOnlySpan<byte> log)
    {
        int end = log.IndexOf((byte)0);
        string text = Encoding.UTF8.GetString(end < 0 ? log : log[..end]).Trim();
        return text.Length <= LongestQuote ? text : text[..LongestQuote] + " ...";
    }

    /// <summary>A function of a module of this driver.</summary>
    private sealed class CudaFunction(PtxKernel kernel, CudaDriver owner, nint module, nint handle, int registers, int localBytes)
        : GpuFunction(kernel)
    {
        public override int Registers => registers;

        public override int LocalBytes => localBytes;

        public CudaDriver Owner => owner;

        public nint Module => module;

        public nint Handle => handle;

        public required int ParameterBytes { get; init; }

        /// <summary>Shared memory that it declares itself.</summary>
        public required int StaticSharedBytes { get; init; }

        /// <summary>Dynamic shared memory it may be started with so far.</summary>
        public required int SharedLimit { get; set; }
    }

    private sealed class CudaGraph(CudaDriver owner, nint handle, IReadOnlyList<nint> memory) : GpuGraph
    {
        public nint Handle => handle;

        /// <summary>Memory whose freeing was asked for while this was recorded: the recording names its addresses.</summary>
        public IReadOnlyList<nint> Memory => memory;

        public override void Dispose() => owner.Discard(this);
    }
}
