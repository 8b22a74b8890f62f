namespace Palmyra.Diagnostics;

/// <summary>The base of every error that is about the user's files, request or machine rather than about a call's arguments.</summary>
/// <remarks>Catch it to show <see cref="Exception.Message"/> as it is; argument errors stay the framework's own exceptions.</remarks>
public abstract class PalmyraException : Exception
{
    private protected PalmyraException(string message)
        : base(message)
    {
    }

    private protected PalmyraException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
