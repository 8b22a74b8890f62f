namespace Palmyra.Diagnostics;

/// <summary>A backend cannot carry out an operation: device, memory, or arguments that do not fit.</summary>
/// <remarks>The message is one sentence a user can act on: operation, argument, expected and found.</remarks>
public sealed class BackendException : PalmyraException
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public BackendException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public BackendException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
