using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Text;

namespace Palmyra.Evaluation.Tasks;

/// <summary>Reads JSON-lines files: one object a line, one record in memory at a time.</summary>
/// <remarks>
/// Blank lines may end a file but not lie within it, since labels in a file beside it are matched line by line. Refused, each in a sentence
/// with file and line: what is not an object, a field twice, nesting beyond 32, text that is no Unicode.
/// </remarks>
internal static class JsonLines
{
    private const int DeepestNesting = 32;

    /// <summary>How every JSON text of an evaluation is read.</summary>
    internal static readonly JsonDocumentOptions Strict = new() { MaxDepth = DeepestNesting, AllowDuplicateProperties = false };

    /// <summary>The items of a task, one for each record.</summary>
    /// <param name="data">The file.</param>
    /// <param name="task">The task, whose <see cref="EvaluationTask.Forms"/> the records must have.</param>
    /// <param name="item">Makes an item of the record with a given index.</param>
    /// <exception cref="EvaluationException">The file is not this task's, or a record is malformed, repeated or empty; file and line are named.</exception>
    public static IEnumerable<EvaluationItem> Items(DataFile data, EvaluationTask task, Func<JsonRecord, int, EvaluationItem> item) =>
        EvaluationTask.Bounded(AllItems(data, task, item), data);

    /// <summary>The records of a file; each is valid until the next is asked for.</summary>
    /// <exception cref="EvaluationException">The file cannot be read, or a line is not a record.</exception>
    public static IEnumerable<JsonRecord> Read(string path)
    {
        int blank = 0;
        bool isEmpty = true;
        foreach (TextLine line in TextLines.Read(path))
        {
            if (line.IsBlank)
            {
                blank = blank == 0 ? line.Number : blank;
                continue;
            }

            if (blank > 0)
            {
                throw new EvaluationException(
                    $"{path}, line {blank}: expected a JSON object; found a blank line before others. Blank lines may only end the file.");
            }

            isEmpty = false;
            using JsonDocument document = Parse(path, line);
            yield return new JsonRecord(path, line.Number, document.RootElement);
        }

        if (isEmpty)
        {
            throw new EvaluationException($"{path}: expected a JSON object in every line; found only blank lines.");
        }
    }

    private static IEnumerable<EvaluationItem> AllItems(DataFile data, EvaluationTask task, Func<JsonRecord, int, EvaluationItem> item)
    {
        Repetitions? seen = task.MayRepeat || data.Known is not null ? null : new Repetitions(data, task);
        int index = 0;
        foreach (JsonRecord record in Read(data.Path))
        {
            if (!task.Forms.Any(form => form.All(record.Has)))
            {
                throw Foreign(record, task);
            }

            EvaluationItem made = item(record, index++);
            CheckContinuations(record, made);
            seen?.Add(made);
            yield return made;
        }
    }

    private static JsonDocument Parse(string path, TextLine line)
    {
        JsonDocument? document = null;
        try
        {
            document = UnicodeJson.Parse(line.Bytes, Strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new JsonException($"found {document.RootElement.ValueKind.ToString().ToLowerInvariant()}");
            }

            JsonDocument checkedDocument = document;
            document = null;
            return checkedDocument;
        }
        catch (JsonException failure) when (failure.InnerException is InvalidOperationException)
        {
            throw new EvaluationException($"{path}, line {line.Number}: {failure.Message}", failure);
        }
        catch (JsonException failure)
        {
            // The reader's own line number is always 0 here; ours is the file's.
            string why = failure.Message.Split(" LineNumber:", 2)[0].TrimEnd('.', ' ');
            throw new EvaluationException(
                $"{path}, line {line.Number}: expected a JSON object with every field once; {why}. The file may be cut off or of another kind.", failure);
        }
        finally
        {
            document?.Dispose();
        }
    }

    // A length of zero cannot be divided by, and no model says how probable nothing is.
    private static void CheckContinuations(JsonRecord record, EvaluationItem item)
    {
        for (int i = 0; i < item.Requests.Count; i++)
        {
            string scored = item.Requests[i] is ContinuationRequest request ? request.Continuation : ((RollingRequest)item.Requests[i]).Text;
            if (scored.All(PythonText.IsSpace))
            {
                string which = item.Requests.Count > 1 ? $"choice {i}" : "the text to score";
                throw record.Refused($"{which} was expected to be a text; found nothing but white space.");
            }
        }
    }

    private static EvaluationException Foreign(JsonRecord record, EvaluationTask task)
    {
        string expected = string.Join(", or ", task.Forms.Select(form => Sentence.List(form)));
        EvaluationTask? other = EvaluationTasks.All
            .Where(known => known.Forms.Any(form => form.All(record.Has)))
            .MaxBy(known => known.Forms.Where(form => form.All(record.Has)).Max(form => form.Count));
        string advice = other is null
            ? string.Empty
            : $" These are the fields of {other.Name}: if that is what the file is for, name that task.";
        return record.Refused($"a record of {task.Name} was expected to have the fields {expected}; found {Sentence.List(record.Names)}.{advice}");
    }
}
