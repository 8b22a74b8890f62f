namespace Palmyra.Gpu;

/// <summary>How the GPU backend works.</summary>
public sealed record GpuOptions
{
    /// <summary>Whether the launches of a decoding step are recorded and sent to the device as one graph when they come again. Results are the same.</summary>
    public bool Graphs { get; init; } = true;

    /// <summary>
    /// Whether the norm before a product of few rows, and the turning and storing of keys after it, run in the product's kernel where they can.
    /// Results are the same, but for how the device's assembler joins multiplications and additions of turning.
    /// </summary>
    public bool FusedSteps { get; init; } = true;

    /// <summary>
    /// Whether products of many rows with narrow weights keep the inputs' 32 bits (as two 16-bit numbers each, at two or three times the work)
    /// instead of rounding them to 16, and attention of many rows computes in 32-bit floats instead of rounding queries, keys and values to halves:
    /// for numbers that are compared with a reference's. Off by default.
    /// </summary>
    public bool ExactProducts { get; init; }
}
