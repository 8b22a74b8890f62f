namespace Palmyra.Diagnostics;

/// <summary>An evaluation cannot be done: a data file, a task's description, a journal or an API is not what it should be.</summary>
/// <remarks>The message is one sentence a user can act on: file and line or address, expected and found.</remarks>
public sealed class EvaluationException : PalmyraException
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public EvaluationException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public EvaluationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
