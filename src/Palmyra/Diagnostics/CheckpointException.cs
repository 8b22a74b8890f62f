namespace Palmyra.Diagnostics;

/// <summary>A checkpoint file or folder is damaged, unsupported or incomplete.</summary>
/// <remarks>The message is one sentence a user can act on: file, tensor, expected and found.</remarks>
public sealed class CheckpointException : PalmyraException
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public CheckpointException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public CheckpointException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
