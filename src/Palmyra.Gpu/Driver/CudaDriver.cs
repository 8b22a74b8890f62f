using System.Diagnostics.CodeAnalysis;
using Palmyra.Diagnostics;

namespace Palmyra.Gpu.Driver;

/// <summary>
/// NVIDIA's driver: one device, its primary context, one stream. This file is its memory; <c>CudaDriver.Launch.cs</c> holds kernels and graphs.
/// </summary>
/// <remarks>
/// Used by one thread at a time, on any thread. An error that ends the context (a kernel that read a wrong address, memory that failed, a
/// device that went away) ends the object too: every later call says so at once, and <see cref="Dispose"/> still gives back what it can.
/// </remarks>
public sealed unsafe partial class CudaDriver : IGpuDriver
{
    private const uint NonBlocking = 1;
    private const int OutOfMemory = 2;

    private readonly CudaLibrary _cuda;
    private readonly StagingBuffers _staging;
    private readonly HashSet<nint> _allocations = [];
    private readonly List<nint> _freeLater = [];
    private readonly int _device;
    private readonly nint _context;
    private readonly nint _stream;
    private string? _lost;
    private bool _disposed;

    /// <summary>Opens a device.</summary>
    /// <param name="device">One that <see cref="GpuDevices.Find()"/> found usable.</param>
    /// <exception cref="BackendException">The driver is gone, or does not open the device.</exception>
    public CudaDriver(GpuDevice device)
        : this(device, CudaLibrary.OfSystem(out string? problem) ?? throw new BackendException(problem!))
    {
    }

    internal CudaDriver(GpuDevice device, CudaLibrary library, int stagingBytes = StagingBuffers.DefaultBytes)
    {
        Device = device;
        _cuda = library;
        int handle = 0;
        nint context = 0;
        nint stream = 0;
        Check(_cuda.DeviceGet(&handle, device.Index), "finding the device");
        Check(_cuda.DevicePrimaryCtxRetain(&context, handle), "opening the device");
        (_device, _context) = (handle, context);
        try
        {
            Enter();
            Check(_cuda.StreamCreate(&stream, NonBlocking), "creating a stream");
            _stream = stream;
            _staging = new StagingBuffers(this, stagingBytes);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public GpuDevice Device { get; }

    /// <inheritdoc/>
    public long FreeBytes
    {
        get
        {
            Enter();
            nuint free = 0;
            nuint total = 0;
            Check(_cuda.MemGetInfo(&free, &total), "asking for free memory");
            return (long)free;
        }
    }

    /// <inheritdoc/>
    public nint Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        Enter();
        nint address = 0;
        int result = _cuda.MemAlloc(&address, (nuint)bytes);
        if (result == OutOfMemory)
        {
            throw new BackendException(
                $"{Who} has no memory for {bytes:N0} bytes; {FreeBytes:N0} of {Device.TotalBytes:N0} are free: "
                + "use a narrower format, a shorter context or fewer sequences.");
        }

        Check(result, "allocating", bytes);
        _allocations.Add(address);
        return address;
    }

    /// <inheritdoc/>
    /// <remarks>Does nothing when the object was disposed or the device lost: the memory went with it.</remarks>
    public void Free(nint address)
    {
        if (_disposed || _lost is not null)
        {
            return;
        }

        if (!_allocations.Remove(address))
        {
            throw new BackendException($"{Who} was asked to free the address {address:x}, which it did not allocate.");
        }

        // Waiting would spoil a recording, and the recording may name the memory: it is given to the recording.
        if (_capturing)
        {
            _freeLater.Add(address);
            return;
        }

        try
        {
            // What is enqueued may still use the memory: the library waits in practice, but does not promise to.
            Enter();
            Wait("waiting before freeing memory");
            Check(_cuda.MemFree(address), "freeing memory");
        }
        catch (BackendException) when (_lost is not null)
        {
            // The loss of work before: this is called where things are disposed of, and must hide no exception of theirs. The next call tells.
        }
    }

    /// <inheritdoc/>
    public void Clear(nint address, long bytes)
    {
        if (bytes > 0)
        {
            Enter();
            Check(_cuda.MemsetD8Async(address, 0, (nuint)bytes, _stream), "clearing", bytes);
        }
    }

    /// <inheritdoc/>
    /// <remarks>
    /// The bytes go through two pinned buffers, so that the pages of a mapped file are read while the piece before is on the bus, and so that
    /// small copies wait for nothing.
    /// </remarks>
    public void CopyIn(nint address, ReadOnlySpan<byte> source)
    {
        Enter();
        RefuseCapture("copying from the host");
        _staging.Send(address, source);
    }

    /// <inheritdoc/>
    /// <remarks>What fits goes through a pinned buffer: a copy to other memory passes through one of the library's own, piece by piece.</remarks>
    public void CopyOut(Span<byte> destination, nint address)
    {
        Enter();
        RefuseCapture("copying to the host");
        if (destination.Length <= _staging.Bytes)
        {
            ReadOnlySpan<byte> fetched = _staging.Fetch(address, destination.Length);
            Wait("waiting for a copy to the host");
            fetched.CopyTo(destination);
            return;
        }

        fixed (byte* to = destination)
        {
            Check(_cuda.MemcpyDtoHAsync(to, address, (nuint)destination.Length, _stream), "copying to the host", destination.Length);

            // Inside fixed: the copy may still be writing.
            Wait("waiting for a copy to the host");
        }
    }

    /// <inheritdoc/>
    public void CopyWithin(nint destination, nint source, long bytes)
    {
        if (bytes > 0)
        {
            Enter();
            Check(_cuda.MemcpyDtoDAsync(destination, source, (nuint)bytes, _stream), "copying on the device", bytes);
        }
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
        Enter();
        RefuseCapture("waiting");
        Wait("waiting for the work in flight");
    }

    /// <summary>Waits for the work in flight and gives graphs, modules, memory, stream and context back.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        // Results are not looked at: a lost device refuses all of it, and the process has to get on. The context goes last, even so.
        _disposed = true;
        nint before = 0;
        _cuda.CtxGetCurrent(&before);
        _cuda.CtxSetCurrent(_context);
        if (_capturing)
        {
            AbandonCapture();
        }

        if (_stream != 0)
        {
            _cuda.StreamSynchronize(_stream);
        }

        DisposeLaunching();
        _staging?.Dispose();
        foreach (nint address in _allocations.Concat(_freeLater))
        {
            _cuda.MemFree(address);
        }

        if (_stream != 0)
        {
            _cuda.StreamDestroy(_stream);
        }

        // Other code of the process may have a context of its own here; ours is none to leave behind.
        _cuda.CtxSetCurrent(before == _context ? 0 : before);
        _cuda.DevicePrimaryCtxRelease(_device);
    }

    /// <summary>What messages begin with.</summary>
    private string Who => $"GPU {Device.Index} ({Device.Name})";

    /// <summary>Makes the context current on this thread; refuses where it is lost or given back.</summary>
    private void Enter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_lost is not null)
        {
            throw new BackendException(_lost);
        }

        // Each time, since it is cheap beside any other call, and other code of the process may have put a context of its own here.
        Check(_cuda.CtxSetCurrent(_context), "making its context current");
    }

    private void Wait(string doing)
    {
        Check(_cuda.StreamSynchronize(_stream), doing);
        _staging.AllSent();
    }

    private void Check(int result, string doing)
    {
        if (result != 0)
        {
            Fail(result, doing, string.Empty);
        }
    }

    private void Check(int result, string doing, long bytes)
    {
        if (result != 0)
        {
            Fail(result, doing, $" ({bytes:N0} bytes)");
        }
    }

    [DoesNotReturn]
    private void Fail(int result, string doing, string more)
    {
        string failure = $"{Who} failed at {doing}: {_cuda.Describe(result)}";
        if (!EndsContext(result))
        {
            throw new BackendException($"{failure}{more}.");
        }

        // Work runs after the call that asked for it, so its error is met at a later one.
        string cause = _last is null ? string.Empty : $"; the last kernel started was {_last.Kernel.Name}";
        _lost = $"{Who} cannot be used any more since it failed at {doing}: {_cuda.Describe(result)}{cause}; start the program again.";
        throw new BackendException($"{failure}{more}{cause}; the device cannot be used any more by this process.");
    }

    /// <summary>Results after which NVIDIA's documentation has the context or the process end.</summary>
    private static bool EndsContext(int result) => result is
        4 // DEINITIALIZED
        or 46 // DEVICE_UNAVAILABLE
        or 201 // INVALID_CONTEXT
        or 214 // ECC_UNCORRECTABLE
        or 220 // NVLINK_UNCORRECTABLE
        or 226 // CONTAINED
        or 700 // ILLEGAL_ADDRESS
        or 702 // LAUNCH_TIMEOUT
        or 709 // CONTEXT_IS_DESTROYED
        or 710 // ASSERT
        or (>= 714 and <= 719) // HARDWARE_STACK_ERROR, ILLEGAL_INSTRUCTION, MISALIGNED_ADDRESS, INVALID_ADDRESS_SPACE, INVALID_PC,
                               // LAUNCH_FAILED
        or 721 // TENSOR_MEMORY_LEAK
        or 810 // MPS_CLIENT_TERMINATED
        or 911 // EXTERNAL_DEVICE
        or 999; // UNKNOWN
}
