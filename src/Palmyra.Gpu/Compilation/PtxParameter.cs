namespace Palmyra.Gpu.Compilation;

/// <summary>A parameter that an entry declares.</summary>
/// <param name="Offset">Where it lies among the packed arguments, in bytes.</param>
/// <param name="Bytes">Its size.</param>
public readonly record struct PtxParameter(int Offset, int Bytes);
