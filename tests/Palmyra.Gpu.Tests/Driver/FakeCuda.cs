using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Palmyra.Gpu.Driver;

using Xunit;

namespace Palmyra.Gpu.Tests.Driver;

/// <summary>
/// A libcuda of our own, called through the real one's binary interface: it writes down every call, its device memory is the host's, and work
/// is done as late as a device may, when somebody waits for it. The functions are <c>FakeCuda.Functions.cs</c>.
/// </summary>
internal sealed partial class FakeCuda : IDisposable
{
    [ThreadStatic]
    private static FakeCuda? t_current;

    private readonly Dictionary<string, int> _results = [];
    private readonly List<nint> _names = [];
    private readonly List<(Action Work, nint Event)> _stream = [];
    private readonly Dictionary<nint, List<Action>> _graphs = [];
    private List<Action>? _capture;
    private nint _nextHandle = 1;

    private readonly FakeCuda? _outer = t_current;

    public FakeCuda() => t_current = this;

    public int Version { get; set; } = 13000;

    public (string Name, int Major, int Minor)[] Devices { get; set; } = [("Fake H100", 9, 0)];

    /// <summary>Shared memory that every kernel declares itself.</summary>
    public int StaticSharedBytes { get; set; }

    /// <summary>The thread's current context; 0 for none.</summary>
    public nint Context { get; set; }

    /// <summary>Functions it does not export.</summary>
    public HashSet<string> Missing { get; } = [];

    /// <summary>Calls in order, as "name argument argument"; without CtxSetCurrent, which stands before each, and CtxGetCurrent.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>Device and pinned memory in use, and other things made and not destroyed.</summary>
    public Dictionary<nint, string> Alive { get; } = [];

    /// <summary>What went wrong that a real driver would not have told: memory freed in use, a call without a context.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>Argument bytes of every launch that was done.</summary>
    public List<byte[]> Launches { get; } = [];

    /// <summary>What the assembler says about a module that fails.</summary>
    public string JitErrors { get; set; } = string.Empty;

    /// <summary>Text of every module loaded.</summary>
    public List<string> Modules { get; } = [];

    /// <summary>Makes a function return a result other than 0 from now on.</summary>
    public void Fail(string function, int result) => _results[function] = result;

    public void Heal() => _results.Clear();

    public CudaLibrary Open()
    {
        CudaLibrary? library = CudaLibrary.Open(Export, out string? problem);
        Assert.Null(problem);
        return library!;
    }

    public CudaDriver OpenDevice(int stagingBytes = 1024)
    {
        CudaLibrary library = Open();
        var driver = new CudaDriver(GpuDevices.Find(library).FirstUsable!, library, stagingBytes);
        Calls.Clear();
        return driver;
    }

    public nint Export(string name) => Missing.Contains(name)
        ? 0
        : typeof(FakeCuda).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)?.MethodHandle.GetFunctionPointer() ?? 0;

    public void Dispose()
    {
        _names.ForEach(Marshal.FreeCoTaskMem);
        t_current = _outer;
    }

    private static int Do(string call, Action<FakeCuda>? work = null, bool needsContext = true)
    {
        FakeCuda fake = t_current!;
        string name = call.Split(' ')[0];
        if (name is not ("CtxSetCurrent" or "CtxGetCurrent"))
        {
            fake.Calls.Add(call);
            if (needsContext && fake.Context == 0)
            {
                fake.Faults.Add($"{call}: no context is current");
            }
        }

        if (fake._results.TryGetValue(name, out int result))
        {
            return result;
        }

        work?.Invoke(fake);
        return 0;
    }

    private void Enqueue(Action work, nint marker = 0)
    {
        if (_capture is not null)
        {
            _capture.Add(work);
        }
        else
        {
            _stream.Add((work, marker));
        }
    }

    private void Drain(nint until = 0)
    {
        if (_capture is not null)
        {
            Faults.Add("waited while recording");
        }

        while (_stream.Count > 0)
        {
            (Action work, nint marker) = _stream[0];
            _stream.RemoveAt(0);
            work();
            if (until != 0 && marker == until)
            {
                return;
            }
        }
    }

    private nint Create(string kind)
    {
        nint handle = _nextHandle++;
        Alive.Add(handle, kind);
        return handle;
    }

    private void Destroy(nint handle, string kind)
    {
        if (!Alive.Remove(handle, out string? found) || found != kind)
        {
            Faults.Add($"destroyed {kind} {handle}, which is {found ?? "none"}");
        }
    }

    private nint TextOf(string text)
    {
        nint copy = Marshal.StringToCoTaskMemUTF8(text);
        _names.Add(copy);
        return copy;
    }

    private static unsafe void Put(byte* to, string text, int capacity)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int length = Math.Min(bytes.Length, capacity - 1);
        bytes.AsSpan(0, length).CopyTo(new Span<byte>(to, length));
        to[length] = 0;
    }
}
