namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>The two sides of a product with weights: rows of inputs, packed into tiles, and panels of weights.</summary>
internal unsafe struct Factors
{
    /// <summary>The inputs as <see cref="Packing"/> interleaves them: floats, or 32-bit words of two (Q8) or four (Q4) integers.</summary>
    public float* Inputs;

    /// <summary>Words from a full tile of inputs to the next.</summary>
    public nint TileStride;

    /// <summary>What the integers are multiplied by: [row] for Q8 weights, [row][group] for Q4.</summary>
    public float* InputScales;

    /// <summary>For Q4 weights: [row][group] −8·Σ of a group's integers, since a stored weight is 8 too large.</summary>
    public int* InputOffsets;

    /// <summary>The first panel.</summary>
    public byte* Panels;

    /// <summary>Bytes from a panel to the next.</summary>
    public nint PanelBytes;

    /// <summary>The number of panels.</summary>
    public int PanelCount;

    /// <summary>The inputs of a row.</summary>
    public int Depth;
}
