using System.Text;
using System.Text.Unicode;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Text;

namespace Palmyra.Evaluation.Tasks;

/// <summary>Perplexity of any text file, scored as it stands in one piece. Words are counted as in <see cref="WikiText"/>.</summary>
public sealed class PlainText : EvaluationTask
{
    /// <summary>The task's name.</summary>
    internal const string TaskName = "text";

    private const int LongestFile = 1 << 26;

    /// <inheritdoc/>
    public override string Name => TaskName;

    /// <inheritdoc/>
    public override string Title => "Text";

    /// <inheritdoc/>
    public override TaskKind Kind => TaskKind.Perplexity;

    /// <summary>None: the file must be named.</summary>
    public override IReadOnlyList<string> FileNames => [];

    /// <inheritdoc/>
    public override IEnumerable<EvaluationItem> Read(DataFile data)
    {
        ArgumentNullException.ThrowIfNull(data);
        string text = ReadAll(data.Path);
        yield return new EvaluationItem
        {
            Index = 0,
            Requests = [new RollingRequest(text)],
            Words = PythonText.CountPieces(text),
            Bytes = Encoding.UTF8.GetByteCount(text),
        };
    }

    private static string ReadAll(string path)
    {
        using FileStream stream = DataFile.OpenRead(path);
        if (stream.Length > LongestFile)
        {
            throw new EvaluationException($"{path}: a text was expected to have at most {LongestFile} bytes; found {stream.Length}. Score it in parts.");
        }

        byte[] bytes = new byte[stream.Length];
        try
        {
            stream.ReadExactly(bytes);
        }
        catch (IOException failure)
        {
            throw new EvaluationException($"{path}: the file cannot be read: {failure.Message}", failure);
        }

        ReadOnlySpan<byte> text = bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsSpan(3) : bytes;
        return text.IsEmpty ? throw new EvaluationException($"{path}: the file is empty.")
            : Utf8.IsValid(text) ? Encoding.UTF8.GetString(text)
            : throw new EvaluationException($"{path}: expected UTF-8; found bytes that are none. Convert the file to UTF-8.");
    }
}
