namespace Palmyra.Diagnostics;

/// <summary>A generation request cannot be carried out: its options, its prompt or the model's limits forbid it.</summary>
/// <remarks>The message is one sentence a user can act on: option, limit and what to change.</remarks>
public sealed class GenerationException : PalmyraException
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public GenerationException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public GenerationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
