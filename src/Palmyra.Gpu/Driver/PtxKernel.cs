namespace Palmyra.Gpu.Driver;

/// <summary>A compiled kernel.</summary>
/// <param name="Name">For people: "GemmBf16".</param>
/// <param name="Entry">The entry's name in the text.</param>
/// <param name="Text">PTX.</param>
/// <param name="Threads">Threads of a block it was compiled for.</param>
public sealed record PtxKernel(string Name, string Entry, string Text, int Threads);
