namespace Palmyra.Backends.Cpu.Kernels;

/// <summary>The two sides of a product with weights: rows of inputs, packed into tiles, and panels of weights.</summary>
internal unsafe struct Factors
{
    /// <summary>The inputs as <see cref="Packing"/> interleaves them: floats, or pairs of 16-bit integers for Q8 and Q4 weights.</summary>
    public float* Inputs;

    /// <summary>Numbers from a full tile of inputs to the next.</summary>
    public nint TileStride;

    /// <summary>For Q8 and Q4 weights: what each row's integers are multiplied by.</summary>
    public float* RowScales;

    /// <summary>For Q4 weights and up to four rows: [row][group] −8·Σ of the row's integers, since a stored weight is 8 too large.</summary>
    public int* RowOffsets;

    /// <summary>The first panel.</summary>
    public byte* Panels;

    /// <summary>Bytes from a panel to the next.</summary>
    public nint PanelBytes;

    /// <summary>The number of panels.</summary>
    public int PanelCount;

    /// <summary>The inputs of a row.</summary>
    public int Depth;
}
