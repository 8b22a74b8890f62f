namespace Palmyra.Evaluation.Tasks;

/// <summary>A line of a data file.</summary>
/// <param name="Number">Its number, from 1.</param>
/// <param name="Bytes">Its UTF-8 without the line feed, checked; valid until the next line is asked for.</param>
/// <param name="IsEnded">Whether a line feed follows it; only the last line may lack one.</param>
internal readonly record struct TextLine(int Number, ReadOnlyMemory<byte> Bytes, bool IsEnded)
{
    /// <summary>Whether there is nothing in it but JSON's white space.</summary>
    public bool IsBlank => Bytes.Span.IndexOfAnyExcept(" \t\r"u8) < 0;
}
