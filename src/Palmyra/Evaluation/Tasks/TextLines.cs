using System.Text.Unicode;
using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Tasks;

/// <summary>Reads a data file line by line, however long it is: bounded lines, valid UTF-8, a byte order mark left out.</summary>
internal static class TextLines
{
    /// <summary>No line of a benchmark comes near it; a longer one is not a line of text.</summary>
    public const int LongestLine = 1 << 20;

    /// <summary>The lines of a file. An empty last line, after a last line feed, is not one.</summary>
    /// <exception cref="EvaluationException">The file cannot be read, is empty, a pipe, a device or not UTF-8, or has too long a line.</exception>
    public static IEnumerable<TextLine> Read(string path)
    {
        using FileStream stream = DataFile.OpenRead(path);
        byte[] buffer = new byte[1 << 16];
        int start = 0;
        int end = 0;
        int number = 0;
        bool isAtEnd = false;
        while (true)
        {
            int length = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (length < 0 && !isAtEnd)
            {
                // What is left of a line moves to the front, and the buffer grows only when a line fills it.
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
                CheckLength(end, path, number + 1);
                if (end == buffer.Length)
                {
                    Array.Resize(ref buffer, buffer.Length * 2);
                }

                int read = Fill(stream, buffer.AsSpan(end), path);
                end += read;
                isAtEnd = read == 0;
                continue;
            }

            bool isEnded = length >= 0;
            length = isEnded ? length : end - start;
            if (!isEnded && length == 0)
            {
                break;
            }

            number++;
            CheckLength(length, path, number);
            ReadOnlyMemory<byte> line = buffer.AsMemory(start, length);
            start += length + (isEnded ? 1 : 0);
            if (number == 1 && line.Span.StartsWith("\uFEFF"u8))
            {
                line = line[3..];
            }

            if (!Utf8.IsValid(line.Span))
            {
                throw new EvaluationException($"{path}, line {number}: expected UTF-8; found bytes that are none. Convert the file to UTF-8.");
            }

            yield return new TextLine(number, line, isEnded);
        }

        if (number == 0)
        {
            throw new EvaluationException($"{path}: the file is empty.");
        }
    }

    private static void CheckLength(int length, string path, int number)
    {
        if (length > LongestLine)
        {
            throw new EvaluationException(
                $"{path}, line {number}: the line is longer than {LongestLine} bytes, so this is no data file, which has a record a line.");
        }
    }

    private static int Fill(FileStream stream, Span<byte> buffer, string path)
    {
        try
        {
            return stream.Read(buffer);
        }
        catch (IOException failure)
        {
            throw new EvaluationException($"{path}: reading fails: {failure.Message}", failure);
        }
    }
}
