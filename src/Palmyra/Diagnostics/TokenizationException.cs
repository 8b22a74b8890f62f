namespace Palmyra.Diagnostics;

/// <summary>A tokenizer file is damaged or unsupported, or a text or id cannot be tokenized.</summary>
/// <remarks>The message is one sentence a user can act on: file or text, expected and found.</remarks>
public sealed class TokenizationException : PalmyraException
{
    /// <summary>Creates the exception with its one-sentence message.</summary>
    public TokenizationException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its one-sentence message and what caused it.</summary>
    public TokenizationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
