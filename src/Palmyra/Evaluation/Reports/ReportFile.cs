using System.Text.Encodings.Web;
using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Reports;

/// <summary>Reports as JSON files (<c>results.json</c>), and back without a change.</summary>
/// <remarks>
/// Numbers are written with as many digits as they need to come back as they were; those that JSON has no word for are the texts
/// "Infinity", "-Infinity" and "NaN". What differs from run to run, the time and the machine, is in each task's object <c>run</c>; all else
/// repeats byte for byte where the model's answers do, as they do on the CPU with any number of threads.
/// </remarks>
public static class ReportFile
{
    /// <summary>What the field <c>format</c> holds; another text is another format.</summary>
    public const string Format = "palmyra-evaluation/1";

    /// <summary>The name such a file goes by.</summary>
    public const string FileName = "results.json";

    // Thousands of models' results.
    private const int MaxBytes = 16 << 20;

    private static readonly JsonWriterOptions Indented = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes a report to a file, whole or not at all.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="report">The report.</param>
    /// <exception cref="CheckpointException">The file cannot be written; what was there is unchanged.</exception>
    public static void Write(string path, EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        AtomicFiles.Write(path, stream =>
        {
            using (var writer = new Utf8JsonWriter(stream, Indented))
            {
                Write(writer, report);
            }

            stream.WriteByte((byte)'\n');
        });
    }

    /// <summary>Writes a report as one JSON object.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="report">The report.</param>
    public static void Write(Utf8JsonWriter writer, EvaluationReport report)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(report);
        writer.WriteStartObject();
        writer.WriteString("format", Format);
        writer.WriteStartArray("models");
        foreach (ModelResults results in report.Models)
        {
            ReportWriter.Write(writer, results);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>Reads a report from a file of at most 16 MiB.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="EvaluationException">It cannot be read, is no such report, or holds a value that cannot be: file, field, expected and found are named.</exception>
    public static EvaluationReport Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] json;
        try
        {
            json = SmallFile.Read(path, MaxBytes);
        }
        catch (CheckpointException failure)
        {
            throw new EvaluationException(failure.Message, failure);
        }

        return Parse(json, path);
    }

    /// <summary>Reads a report from UTF-8 JSON.</summary>
    /// <param name="json">The text.</param>
    /// <param name="where">What to call it in messages: the file's path.</param>
    /// <exception cref="EvaluationException">It is no such report, or holds a value that cannot be.</exception>
    public static EvaluationReport Parse(ReadOnlyMemory<byte> json, string where)
    {
        ArgumentNullException.ThrowIfNull(where);
        try
        {
            using JsonDocument document = UnicodeJson.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return new EvaluationReport(ReportReader.Models(where, document.RootElement));
        }
        catch (JsonException failure)
        {
            throw new EvaluationException($"{where}: expected a JSON object with format {Format}; it does not parse: {failure.Message}", failure);
        }
        catch (CheckpointException failure)
        {
            // What a value of a recording says about itself is right here too; only its type is another's.
            throw new EvaluationException(failure.Message, failure);
        }
    }
}
