namespace Palmyra.Gpu;

/// <summary>How the GPU backend works.</summary>
public sealed record GpuOptions
{
    /// <summary>Whether the launches of a decoding step are recorded and sent to the device as one graph when they come again. Results are the same.</summary>
    public bool Graphs { get; init; } = true;
}
