using System.Collections.Concurrent;
using System.Reflection;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Palmyra.Diagnostics;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Compilation;

/// <summary>Turns static C# methods into PTX by ILGPU, without a GPU: each once in a process, and with a cache once on a machine.</summary>
/// <remarks>
/// Thread-safe. What a kernel may contain is ILGPU's to say: views, numbers, structs, generics; no <c>System.Half</c>, no references, no
/// <c>stackalloc</c>. A first compile takes some 200 ms, further ones some 10 ms.
/// </remarks>
public sealed class KernelCompiler : IDisposable
{
    /// <summary>The target every GPU that Palmyra uses can run.</summary>
    public const string DefaultTarget = "sm_80";

    // Tensor cores of compute capability 9.0 (wgmma) need PTX 8.0, which CUDA 12.0 brought; GpuDevices asks for that driver.
    private static readonly CudaInstructionSet InstructionSet = CudaInstructionSet.ISA_80;

    private readonly PtxCache? _cache;
    private readonly ConcurrentDictionary<(MethodInfo Method, int Threads, string Target), Lazy<PtxKernel>> _kernels = new();

    // One for all compilers: ILGPU numbers what it compiles through the whole process, and two compiles at once were seen to mix.
    internal static readonly Lock Compiling = new();

    private Context? _context;
    private PTXBackend? _backend;
    private bool _disposed;

    /// <summary>Creates a compiler.</summary>
    /// <param name="cache">Where PTX is kept from one process to the next; null for nowhere.</param>
    public KernelCompiler(PtxCache? cache = null) => _cache = cache;

    /// <summary>The process's own compiler, with the cache of the user's local application data.</summary>
    public static KernelCompiler Default { get; } = new(PtxCache.OfUser());

    /// <summary>How many methods ILGPU was asked to compile: what neither the process nor the cache had.</summary>
    public int Compiled { get; private set; }

    /// <summary>Compiles a kernel, or returns what it was compiled to before.</summary>
    /// <param name="kernel">A static method without a result; a method group of a generic method says its type arguments.</param>
    /// <param name="threads">Threads a block is started with, 1 to 1024.</param>
    /// <param name="target">What the PTX is for: "sm_80", or a later one whose instructions the kernel's inline PTX uses ("sm_90a").</param>
    /// <exception cref="BackendException">ILGPU cannot compile it; the message names the kernel and says why, in ILGPU's words.</exception>
    /// <exception cref="ArgumentException">It is no static method, or threads or target are out of range.</exception>
    public PtxKernel Compile(Delegate kernel, int threads, string target = DefaultTarget)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        return Compile(kernel.Method, threads, target);
    }

    /// <inheritdoc cref="Compile(Delegate, int, string)"/>
    public PtxKernel Compile(MethodInfo kernel, int threads, string target = DefaultTarget)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, 1024);
        if (!kernel.IsStatic || kernel.ReturnType != typeof(void) || kernel.ContainsGenericParameters)
        {
            throw new ArgumentException(
                $"A kernel is a static method without a result or open type parameters; found {kernel}.", nameof(kernel));
        }

        if (!PtxText.IsTarget(target))
        {
            throw new ArgumentException($"A target was expected to be like sm_80 or sm_90a; found '{target}'.", nameof(target));
        }

        // A failure is not kept: Lazy would throw the same exception object from several threads.
        Lazy<PtxKernel> kept = _kernels.GetOrAdd(
            (kernel, threads, target), static (key, self) => new Lazy<PtxKernel>(() => self.Find(key.Method, key.Threads, key.Target)), this);
        try
        {
            return kept.Value;
        }
        catch
        {
            _kernels.TryRemove(new KeyValuePair<(MethodInfo, int, string), Lazy<PtxKernel>>((kernel, threads, target), kept));
            throw;
        }
    }

    /// <summary>Gives ILGPU's memory back; compiled kernels stay valid.</summary>
    public void Dispose()
    {
        lock (Compiling)
        {
            _disposed = true;
            Forget();
        }
    }

    private PtxKernel Find(MethodInfo method, int threads, string target)
    {
        string name = KernelName.Of(method);
        string compiler = $"ILGPU {typeof(Context).Assembly.GetName().Version} {InstructionSet} O2";
        string? key = _cache is null ? null : PtxCache.KeyOf(method, threads, target, compiler);
        if (key is not null && _cache!.Read(key) is (string Entry, string Text) known)
        {
            return new PtxKernel(name, known.Entry, known.Text, threads);
        }

        (string entry, string text) = Translate(method, name, threads);
        text = PtxText.WithPlainBranches(PtxText.WithAlignedShared(PtxText.WithTarget(text, target)));
        if (key is not null)
        {
            _cache!.Write(key, entry, text);
        }

        return new PtxKernel(name, entry, text, threads);
    }

    private (string Entry, string Text) Translate(MethodInfo method, string name, int threads)
    {
        lock (Compiling)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            try
            {
                _context ??= Context.Create(builder => builder.EnableAlgorithms().Optimize(OptimizationLevel.O2));
                _backend ??= new PTXBackend(
                    _context, new CudaCapabilityContext(CudaArchitecture.SM_80), CudaArchitecture.SM_80, InstructionSet, null!);
                Compiled++;
                var compiled = (PTXCompiledKernel)_backend.Compile(
                    EntryPointDescription.FromExplicitlyGroupedKernel(method), new KernelSpecialization(threads, 1));
                return (compiled.Name, compiled.PTXAssembly);
            }
            catch (Exception failure)
            {
                // A failed compile can leave half-made code in the context for later ones to stumble over: the next gets a new context.
                Forget();
                throw new BackendException($"Kernel {name} cannot be compiled to PTX: {WordsOf(failure)}.", failure);
            }
        }
    }

    private void Forget()
    {
        _backend?.Dispose();
        _context?.Dispose();
        (_backend, _context) = (null, null);
    }

    // ILGPU wraps the reason in the place: "An internal compiler error ... - in method ..." around "Not supported intrinsic type".
    private static string WordsOf(Exception failure)
    {
        var words = new List<string>();
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            string[] lines = cause.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            words.Insert(0, string.Join(' ', lines.Select(line => line.TrimEnd('.'))));
        }

        return string.Join("; ", words);
    }
}
