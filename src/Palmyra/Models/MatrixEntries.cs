namespace Palmyra.Models;

/// <summary>One matrix of a model and the tensors a checkpoint of floats has it in: one, or three that are stacked (q, k, v).</summary>
/// <param name="Role">What it does.</param>
/// <param name="Parts">The tensors, from the first rows to the last.</param>
public sealed record MatrixEntries(MatrixRole Role, IReadOnlyList<WeightEntry> Parts)
{
    /// <summary>Outputs.</summary>
    public int Rows => checked(Parts.Sum(part => part.Rows));

    /// <summary>Inputs.</summary>
    public int Cols => Parts[0].Cols;
}
