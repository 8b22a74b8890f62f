using System.Globalization;
using System.Text.Json;
using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Tasks;

/// <summary>A record of a JSON-lines file: its fields, and refusals that name file, line and field.</summary>
internal sealed class JsonRecord(string file, int line, JsonElement root)
{
    private const int LongestShown = 40;

    /// <summary>The number of its line, from 1.</summary>
    public int Line { get; } = line;

    /// <summary>The names of its fields, in their order.</summary>
    public IEnumerable<string> Names => root.EnumerateObject().Select(entry => entry.Name);

    /// <summary>Whether it has a field.</summary>
    public bool Has(string field) => Find(field) is not null;

    /// <summary>The value of a field, or null; <c>a.b</c> is field b of the object in field a, unless there is a field of that whole name.</summary>
    public JsonElement? Find(string field)
    {
        if (root.TryGetProperty(field, out JsonElement whole))
        {
            return whole;
        }

        JsonElement value = root;
        foreach (string name in field.Split('.'))
        {
            if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty(name, out JsonElement inner))
            {
                return null;
            }

            value = inner;
        }

        return value;
    }

    /// <summary>A field that is a text.</summary>
    public string Text(string field)
    {
        JsonElement value = Required(field);
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(field, "a text");
    }

    /// <summary>A field that is a list of texts.</summary>
    public IReadOnlyList<string> Texts(string field)
    {
        JsonElement value = Required(field);
        return value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(item => item.GetString()!)]
            : throw Wrong(field, "a list of texts");
    }

    /// <summary>A field that is a text, or a number as the file writes it.</summary>
    public string Printed(string field)
    {
        JsonElement value = Required(field);
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number => value.GetRawText(),
            _ => throw Wrong(field, "a text or a number"),
        };
    }

    /// <summary>A field that says which of <paramref name="count"/> choices is right: a whole number or its digits, from <paramref name="first"/>.</summary>
    public int Choice(string field, int count, int first = 0)
    {
        JsonElement value = Required(field);
        string? digits = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number => value.GetRawText(),
            _ => null,
        };
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= first && number - first < count
            ? number - first
            : throw Wrong(field, $"the number of the right choice, {first} to {first + count - 1} (a test set whose answers are withheld cannot be scored)");
    }

    /// <summary>The refusal of a field's value.</summary>
    public EvaluationException Wrong(string field, string expected)
    {
        string found = Required(field).GetRawText();
        return Refused($"field {field} was expected to be {expected}; found {(found.Length > LongestShown ? found[..LongestShown] + "…" : found)}.");
    }

    /// <summary>The refusal of the record.</summary>
    public EvaluationException Refused(string sentence) => new($"{file}, line {Line}: {sentence}");

    private JsonElement Required(string field) => Find(field) ?? throw Refused($"field {field} is missing; found {Sentence.List(Names)}.");
}
