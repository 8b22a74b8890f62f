namespace Palmyra.Models;

/// <summary>One tensor of a model as its family names and shapes it in a Hugging Face checkpoint.</summary>
/// <param name="Name">Its full name, with the <c>transformer.</c> prefix where the family uses one.</param>
/// <param name="Rows">Outputs; 1 for a vector.</param>
/// <param name="Cols">Inputs, or the length of a vector.</param>
/// <param name="IsVector">Whether it is a gain or a bias rather than a matrix.</param>
/// <param name="Transposed">Whether the file stores it inputs first (GPT-2's Conv1D).</param>
/// <param name="Initialization">How a fresh model fills it.</param>
public sealed record WeightEntry(string Name, int Rows, int Cols, bool IsVector, bool Transposed, WeightInitialization Initialization)
{
    /// <summary>Its shape in the file.</summary>
    public IReadOnlyList<long> FileShape => IsVector ? [Cols] : Transposed ? [Cols, Rows] : [Rows, Cols];

    /// <summary>Its number of parameters.</summary>
    public long Count => (long)Rows * Cols;
}
