using System.Text;
using System.Text.Json;
using Palmyra.Diagnostics;
using Palmyra.Evaluation.Scoring;
using Palmyra.Evaluation.Tasks;
using Palmyra.Tests.Checkpoints;

namespace Palmyra.Tests.Evaluation.Tasks;

/// <summary>Reads written texts as data files of tasks.</summary>
internal static class TaskFile
{
    /// <summary>The items of a task whose file holds these lines.</summary>
    public static EvaluationItem[] Items(EvaluationTask task, params string[] lines) =>
        Items(task, "data.jsonl", Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));

    /// <summary>The items of a task whose file has this name and holds these bytes.</summary>
    public static EvaluationItem[] Items(EvaluationTask task, string name, byte[] bytes)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder[name], bytes);
        return Read(task, folder[name]);
    }

    /// <summary>The items of a file.</summary>
    public static EvaluationItem[] Read(EvaluationTask task, string path) =>
        [.. task.Read(DataFile.OpenAsync(path, task).GetAwaiter().GetResult())];

    /// <summary>The sentence in which a task refuses these lines, without the folder's name.</summary>
    public static string Refusal(EvaluationTask task, params string[] lines) => Refusal(task, Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));

    /// <summary>The sentence in which a task refuses these bytes, without the folder's name.</summary>
    public static string Refusal(EvaluationTask task, byte[] bytes)
    {
        string message = Assert.Throws<EvaluationException>(() => Items(task, "data.jsonl", bytes)).Message;
        return message[message.IndexOf("data.jsonl", StringComparison.Ordinal)..];
    }

    /// <summary>A text as JSON.</summary>
    public static string Json(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    /// <summary>The only request of an item.</summary>
    public static ContinuationRequest Request(EvaluationItem item) => Assert.IsType<ContinuationRequest>(Assert.Single(item.Requests));
}
