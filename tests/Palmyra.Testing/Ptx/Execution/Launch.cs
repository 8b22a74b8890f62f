using System.Runtime.InteropServices;
using Palmyra.Gpu.Driver;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>One launch of a kernel: blocks run one after the other, so that every result is the same each time.</summary>
internal sealed unsafe class Launch : IDisposable
{
    private readonly byte* _arguments;

    public Launch(Program program, LaunchShape shape, ReadOnlySpan<byte> arguments, DeviceMemory memory, long budget)
    {
        Program = program;
        Shape = shape;
        Memory = memory;
        Budget = budget;
        Counters = new Counters(program.Code.Length);
        _arguments = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(arguments.Length, 1), 16);
        arguments.CopyTo(new Span<byte>(_arguments, arguments.Length));
    }

    public Program Program { get; }

    public LaunchShape Shape { get; }

    public DeviceMemory Memory { get; }

    /// <summary>Instructions after which it is taken for a loop without end.</summary>
    public long Budget { get; }

    public Counters Counters { get; }

    /// <summary>Runs all blocks, from the first or from the last.</summary>
    public PtxStatistics Run(bool reversed)
    {
        using var block = new Block(this);
        long blocks = (long)Shape.GridX * Shape.GridY;
        for (long i = 0; i < blocks; i++)
        {
            long number = reversed ? blocks - 1 - i : i;
            block.Run((int)(number % Shape.GridX), (int)(number / Shape.GridX));
        }

        return Counters.ToStatistics(Program);
    }

    /// <summary>Where a parameter's bytes are.</summary>
    public byte* Parameter(Warp warp, int lane, ulong address, int bytes) => address + (ulong)bytes <= (ulong)Program.ParameterBytes
        ? _arguments + address
        : throw warp.Fault(lane, $"the {bytes} bytes at {address} do not lie in the kernel's {Program.ParameterBytes} bytes of parameters");

    public void Dispose() => NativeMemory.AlignedFree(_arguments);
}
