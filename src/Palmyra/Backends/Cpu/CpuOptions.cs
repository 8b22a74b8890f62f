namespace Palmyra.Backends.Cpu;

/// <summary>How a <see cref="CpuBackend"/> uses the processor. Neither setting changes a result.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads that compute, the caller's included; at least 1. Default: one for each logical processor.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>The width of the vectors. Default, null: the widest the processor accelerates. A width it does not accelerate works, slowly.</summary>
    public VectorWidth? VectorWidth { get; init; }
}
