namespace Palmyra.Diagnostics;

/// <summary>The base of every error that is about the user's files, request or machine rather than about a call's arguments.</summary>
/// <remarks>
/// Catch it to show <see cref="Exception.Message"/> as it is. Messages quote names out of files nobody has vetted, so control characters are
/// replaced here and the middle of a very long message is left out: a hostile name can neither steer a terminal nor flood a log.
/// </remarks>
public abstract class PalmyraException : Exception
{
    private const int LongestStart = 700;
    private const int LongestEnd = 300;

    private protected PalmyraException(string message)
        : base(Printable(message))
    {
    }

    private protected PalmyraException(string message, Exception innerException)
        : base(Printable(message), innerException)
    {
    }

    private static string Printable(string message)
    {
        string shown = message.Length <= LongestStart + LongestEnd ? message : $"{message[..LongestStart]} … {message[^LongestEnd..]}";
        return shown.AsSpan().IndexOfAnyInRange('\0', '\x1F') < 0 && shown.AsSpan().IndexOfAnyInRange('\x7F', '\x9F') < 0
            ? shown
            : string.Create(shown.Length, shown, static (letters, text) =>
            {
                for (int i = 0; i < letters.Length; i++)
                {
                    letters[i] = char.IsControl(text[i]) ? (char.IsWhiteSpace(text[i]) ? ' ' : '\uFFFD') : text[i];
                }
            });
    }
}
