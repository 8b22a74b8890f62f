using System.Text;
using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;

namespace Palmyra.Evaluation;

/// <summary>The answers of a run as they come, one JSON line an item, so that an interrupted run goes on where it stopped.</summary>
/// <remarks>
/// The first line says what the answers depend on; a journal of anything else is refused. Log-probabilities are written so that they read
/// back to the same bits. A line that a killed process left half-written is cut off.
/// </remarks>
internal sealed class EvaluationJournal : IDisposable
{
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
            stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new EvaluationException($"{path}: the journal of answers cannot be opened; is another evaluation writing it? {failure.Message}", failure);
        }

        var journal = new EvaluationJournal(path, stream);
        try
        {
            journal.Read(subject);
            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Writes an item's answers; they are in the file when this returns.</summary>
    public void Add(ItemScore answers) => WriteLine(writer =>
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
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    });

    public void Dispose() => _stream.Dispose();

    private void Read(IReadOnlyDictionary<string, string> subject)
    {
        using var lines = new StreamReader(_stream, Encoding.UTF8, detectEncodingFromByteOrderMarks: false, leaveOpen: true);
        long end = 0;
        int number = 0;
        foreach (string line in WholeLines(lines))
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

            end += Encoding.UTF8.GetByteCount(line) + 1;
        }

        _stream.SetLength(end);
        _stream.Seek(end, SeekOrigin.Begin);
        if (number == 0)
        {
            WriteLine(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("format", Format);
                foreach ((string name, string value) in subject)
                {
                    writer.WriteString(name, value);
                }

                writer.WriteEndObject();
            });
        }
    }

    // ReadLine would return what stands after the last line break too, whole or not.
    private IEnumerable<string> WholeLines(StreamReader reader)
    {
        var line = new StringBuilder();
        for (int letter = reader.Read(); letter >= 0; letter = reader.Read())
        {
            if (letter == '\n')
            {
                yield return line.ToString();
                line.Clear();
            }
            else if (line.Append((char)letter).Length > LongestLine)
            {
                throw new EvaluationException($"{_path}: a line of more than {LongestLine} letters is no journal's; give another name for the results.");
            }
        }
    }

    private void CheckSubject(string line, IReadOnlyDictionary<string, string> subject)
    {
        using JsonDocument document = Parse(line, 1);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("format", out JsonElement format)
            || format.ValueKind != JsonValueKind.String || format.GetString() != Format)
        {
            throw new EvaluationException($"{_path}: expected a journal of answers ({Format}); the file is something else and stays as it is.");
        }

        foreach ((string name, string value) in subject)
        {
            string found = root.TryGetProperty(name, out JsonElement element) && element.ValueKind == JsonValueKind.String
                ? element.GetString()!
                : "nothing";
            if (found != value)
            {
                throw new EvaluationException(
                    $"{_path}: the answers in this journal are of another run: its {name} is {found}, this run's is {value}; "
                    + "start afresh, or give another name for the results.");
            }
        }
    }

    private ItemScore ParseAnswers(string line, int number)
    {
        using JsonDocument document = Parse(line, number);
        try
        {
            JsonElement root = document.RootElement;
            return new ItemScore(
                root.GetProperty("item").GetInt32(),
                [.. root.GetProperty("scores").EnumerateArray().Select(score => new RequestScore(
                    score[0].GetDouble(), score[1].GetBoolean(), score[2].GetInt32()))]);
        }
        catch (Exception failure) when (failure is InvalidOperationException or KeyNotFoundException or FormatException or IndexOutOfRangeException)
        {
            throw Damaged(number, failure);
        }
    }

    private JsonDocument Parse(string line, int number)
    {
        try
        {
            return JsonDocument.Parse(line);
        }
        catch (JsonException failure)
        {
            throw Damaged(number, failure);
        }
    }

    private EvaluationException Damaged(int line, Exception failure) =>
        new($"{_path}: line {line} of the journal is damaged; start afresh. {failure.Message}", failure);

    private void WriteLine(Action<Utf8JsonWriter> write)
    {
        _line.SetLength(0);
        using (var writer = new Utf8JsonWriter(_line))
        {
            write(writer);
        }

        _line.WriteByte((byte)'\n');
        try
        {
            _stream.Write(_line.GetBuffer().AsSpan(0, (int)_line.Length));
            _stream.Flush();
        }
        catch (IOException failure)
        {
            throw new EvaluationException($"{_path}: the journal of answers cannot be written: {failure.Message}", failure);
        }
    }
}
