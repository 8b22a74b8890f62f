namespace Palmyra.Diagnostics;

/// <summary>A model configuration is missing, contradictory or unsupported.</summary>
/// <remarks>The message is one sentence a user can act on: key, expected and found.</remarks>
public sealed class ModelConfigException : PalmyraException
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public ModelConfigException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public ModelConfigException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
