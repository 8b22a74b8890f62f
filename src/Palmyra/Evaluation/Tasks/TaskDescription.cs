using System.Security.Cryptography;
using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Tasks;

/// <summary>The JSON object that describes a <see cref="CustomTask"/>: known keys only, each of its type.</summary>
internal sealed class TaskDescription
{
    private const int MaxBytes = 1 << 20;

    private static readonly string[] Keys =
        ["name", "title", "kind", "file", "context", "choices", "gold", "labels", "delimiter", "chance", "continuation", "text"];

    private readonly string _path;
    private readonly Dictionary<string, JsonElement> _values = [];

    private TaskDescription(string path, string digest) => (_path, Digest) = (path, digest);

    /// <summary>The first digits of the file's SHA-256.</summary>
    public string Digest { get; }

    /// <summary>Reads a description.</summary>
    /// <exception cref="EvaluationException">It cannot be read, does not parse, or has a key that is not known.</exception>
    public static TaskDescription Read(string path)
    {
        byte[] json = Bytes(path);
        var description = new TaskDescription(path, Convert.ToHexStringLower(SHA256.HashData(json))[..12]);
        using JsonDocument document = Parse(path, json);
        foreach (JsonProperty entry in document.RootElement.EnumerateObject())
        {
            if (!Keys.Contains(entry.Name))
            {
                throw new EvaluationException(
                    $"{path}: key {entry.Name} is not known; the nearest known one is {Sentence.Nearest(entry.Name, Keys)}, " +
                    $"all are {string.Join(", ", Keys)}.");
            }

            description._values.Add(entry.Name, entry.Value.Clone());
        }

        return description;
    }

    /// <summary>Whether it has a key.</summary>
    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>A text; <paramref name="otherwise"/> where it is absent and there is such a default.</summary>
    public string Text(string key, string? otherwise = null) =>
        !_values.TryGetValue(key, out JsonElement value) ? otherwise ?? throw Missing(key)
        : value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw Wrong(key, "a text");

    /// <summary>A share from 0 to 1, or null where it is absent.</summary>
    public double? Share(string key) =>
        !_values.TryGetValue(key, out JsonElement value) ? null
        : value.ValueKind == JsonValueKind.Number && value.GetDouble() is >= 0 and <= 1 ? value.GetDouble()
        : throw Wrong(key, "a number from 0 to 1");

    /// <summary>A template.</summary>
    public Template Template(string key) => Parse(key, Text(key));

    /// <summary>A placeholder alone, or a list of at least two templates.</summary>
    public TemplateList Templates(string key)
    {
        JsonElement value = _values.TryGetValue(key, out JsonElement found) ? found : throw Missing(key);
        return value.ValueKind switch
        {
            JsonValueKind.String when Template(key).OnlyField is string field => new TemplateList(field),
            JsonValueKind.Array when value.GetArrayLength() >= 2 && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
                new TemplateList([.. value.EnumerateArray().Select(item => Parse(key, item.GetString()!))]),
            _ => throw Wrong(key, "a placeholder \"{{field}}\" whose field is a list, or a list of two texts or more"),
        };
    }

    /// <summary>Refuses keys that the kind of task has no use for.</summary>
    public void CheckKeys(string kind, params string[] keys)
    {
        string[] allowed = ["name", "title", "kind", "file", .. keys];
        if (_values.Keys.FirstOrDefault(key => !allowed.Contains(key)) is string unused)
        {
            throw new EvaluationException($"{_path}: a {kind} task has no use for key {unused}; its keys are {string.Join(", ", allowed)}.");
        }
    }

    /// <summary>The refusal of a value.</summary>
    public EvaluationException Wrong(string key, string expected) =>
        new($"{_path}: {key} was expected to be {expected}; found {_values[key].GetRawText()}.");

    private EvaluationException Missing(string key) => new($"{_path}: key {key} is missing; found {Sentence.List(_values.Keys)}.");

    private Template Parse(string key, string text)
    {
        try
        {
            return Tasks.Template.Parse(text);
        }
        catch (FormatException failure)
        {
            throw new EvaluationException($"{_path}: in {key} {failure.Message}.", failure);
        }
    }

    private static byte[] Bytes(string path)
    {
        try
        {
            return SmallFile.Read(path, MaxBytes);
        }
        catch (CheckpointException failure)
        {
            throw new EvaluationException(failure.Message, failure);
        }
    }

    private static JsonDocument Parse(string path, byte[] json)
    {
        try
        {
            JsonDocument document = UnicodeJson.Parse(json, JsonLines.Strict);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document : throw new JsonException("it is something else");
        }
        catch (JsonException failure)
        {
            throw new EvaluationException($"{path}: expected a JSON object that describes a task; {failure.Message.TrimEnd('.')}.", failure);
        }
    }
}
