using Palmyra.Backends;

namespace Palmyra.Quantization;

/// <summary>How far the stored numbers of a matrix are from those they were made of.</summary>
/// <param name="Name">The names of its tensors, " + " between them.</param>
/// <param name="Format">How it is stored now.</param>
/// <param name="Rows">Outputs.</param>
/// <param name="Cols">Inputs.</param>
/// <param name="RelativeRms">√(Σ(stored − original)² / Σ original²); 0 for a matrix of zeros.</param>
/// <param name="LargestDifference">The largest |stored − original|.</param>
public sealed record MatrixError(string Name, MatrixFormat Format, int Rows, int Cols, double RelativeRms, double LargestDifference);
