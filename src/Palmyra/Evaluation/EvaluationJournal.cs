using System.Text.Json;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation;

/// <summary>The answers of a run as they come, one JSON line an item, so that an interrupted run goes on where it stopped.</summary>
/// <remarks>
/// The first line says what the answers depend on; a journal of anything else is refused. Log-probabilities are written so that they read
/// back to the same bits. A line that a killed process left half-written is cut off; a file that is no journal stays as it is.
/// </remarks>
internal sealed class EvaluationJournal : IDisposable
{
    /// <summary>What a user does about a journal that does not fit.</summary>
    public const string Cure = "start anew with --fresh, or give another name for the results";

    private const string Format = "palmyra-journal/1";

    // A line is an item's answers: some hundred bytes. What is far longer is not one.
    private const int LongestLine = 1 << 20;

    private readonly FileStream _stream;
    private readonly MemoryStream _line = new();
    private readonly string _path;

    private EvaluationJournal(string path, FileStream stream)
    {
        _path = path;
        _stream = stream;
    }

    /// <summary>The answers found, in the order they were written. Emptied by whoever takes them.</summary>
    public Queue<ItemScore> Found { get; } = new();

    /// <summary>Opens a journal, and starts it if it is not there.</summary>
    /// <param name="path">The file; its folder is made if missing.</param>
    /// <param name="subject">What the answers depend on, by name.</param>
    /// <exception cref="EvaluationException">It belongs to another run, is damaged, or another process is writing it.</exception>
    public static EvaluationJournal Open(string path, IReadOnlyDictionary<string, string> subject)
    {
        FileStream stream;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);

            // Unbuffered: a line is in the file when Write returns, and a failed one is not tried again on disposal.
            stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new EvaluationException($"{path}: the journal of answers cannot be opened: {failure.Message}", failure);
        }

        var journal = new EvaluationJournal(path, stream);
        try
        {
            journal.Read(subject);
            return journal;
        }
        catch (IOException failure)
        {
            journal.Dispose();
            throw new EvaluationException($"{path}: the journal of answers cannot be used: {failure.Message}", failure);
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Writes an item's answers; they are in the file when this returns.</summary>
    public void Add(ItemScore answers)
    {
        Compose(writer =>
        {
            writer.WriteStartObject();
            writer.WriteNumber("item", answers.Item);
            writer.WriteStartArray("scores");
            foreach (RequestScore score in answers.Scores)
            {
                writer.WriteStartArray();
                writer.WriteNumberValue(score.LogProbability);
                writer.WriteBooleanValue(score.IsGreedy);
                writer.WriteNumberValue(score.Tokens);
                if (score.IsCut)
                {
                    writer.WriteBooleanValue(true);
                }

                writer.WriteEndArray();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
        Append();
    }

    public void Dispose() => _stream.Dispose();

    private void Read(IReadOnlyDictionary<string, string> subject)
    {
        long end = 0;
        int number = 0;
        var rest = new MemoryStream();
        foreach (ReadOnlyMemory<byte> line in WholeLines(rest))
        {
            number++;
            if (number == 1)
            {
                CheckSubject(line, subject);
            }
            else
            {
                Found.Enqueue(ParseAnswers(line, number));
            }

            end += line.Length + 1;
        }

        ComposeHeader(subject);
        if (number == 0 && !_line.GetBuffer().AsSpan(0, (int)_line.Length).StartsWith(rest.GetBuffer().AsSpan(0, (int)rest.Length)))
        {
            throw NoJournal();
        }

        _stream.SetLength(end);
        _stream.Seek(end, SeekOrigin.Begin);
        if (number == 0)
        {
            Append();
        }
    }

    // Bytes and not letters: where the file is cut depends on them.
    private IEnumerable<ReadOnlyMemory<byte>> WholeLines(MemoryStream rest)
    {
        var part = new byte[1 << 16];
        for (int count = _stream.Read(part); count > 0; count = _stream.Read(part))
        {
            int start = 0;
            for (int at = Array.IndexOf(part, (byte)'\n', 0, count); at >= 0; at = Array.IndexOf(part, (byte)'\n', start, count - start))
            {
                rest.Write(part, start, at - start);
                yield return rest.GetBuffer().AsMemory(0, (int)rest.Length);
                rest.SetLength(0);
                start = at + 1;
            }

            rest.Write(part, start, count - start);
            if (rest.Length > LongestLine)
            {
                throw NoJournal();
            }
        }
    }

    private void CheckSubject(ReadOnlyMemory<byte> line, IReadOnlyDictionary<string, string> subject)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(line);
        }
        catch (JsonException failure)
        {
            throw NoJournal(failure);
        }

        using (document)
        {
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("format", out JsonElement format) || !format.ValueEquals(Format))
            {
                throw NoJournal();
            }

            foreach ((string name, string value) in subject)
            {
                if (!root.TryGetProperty(name, out JsonElement found) || !found.ValueEquals(value))
                {
                    throw new EvaluationException(
                        $"{_path}: the answers in this journal are of another run: its {name} is {(found.ValueKind == JsonValueKind.Undefined ? "not stated" : found.GetRawText().Trim('"'))}, "
                        + $"this run's is {value}; {Cure}.");
                }
            }
        }
    }

    private ItemScore ParseAnswers(ReadOnlyMemory<byte> line, int number)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            return new ItemScore(root.GetProperty("item").GetInt32(), [.. root.GetProperty("scores").EnumerateArray().Select(Score)]);
        }
        catch (Exception failure) when (failure
            is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or IndexOutOfRangeException)
        {
            throw new EvaluationException($"{_path}: line {number} of the journal is damaged; {Cure}. {failure.Message}", failure);
        }
    }

    private static RequestScore Score(JsonElement score)
    {
        double logProbability = score[0].GetDouble();
        int tokens = score[2].GetInt32();
        return double.IsFinite(logProbability) && tokens > 0
            ? new RequestScore(logProbability, score[1].GetBoolean(), tokens, IsCut: score.GetArrayLength() > 3 && score[3].GetBoolean())
            : throw new FormatException("A finite log-probability of at least one token was expected.");
    }

    private EvaluationException NoJournal(Exception? cause = null)
    {
        string message = $"{_path}: expected a journal of answers ({Format}); the file is something else and stays as it is. Give another name for the results.";
        return cause is null ? new EvaluationException(message) : new EvaluationException(message, cause);
    }

    private void ComposeHeader(IReadOnlyDictionary<string, string> subject) => Compose(writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("format", Format);
        foreach ((string name, string value) in subject)
        {
            writer.WriteString(name, value);
        }

        writer.WriteEndObject();
    });

    private void Compose(Action<Utf8JsonWriter> write)
    {
        _line.SetLength(0);
        using (var writer = new Utf8JsonWriter(_line))
        {
            write(writer);
        }

        _line.WriteByte((byte)'\n');
    }

    private void Append()
    {
        try
        {
            _stream.Write(_line.GetBuffer().AsSpan(0, (int)_line.Length));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            // .NET has the last of these for a file that may not grow further.
            throw new EvaluationException($"{_path}: the journal of answers cannot be written, is the disk full? {failure.Message}", failure);
        }
    }
}
