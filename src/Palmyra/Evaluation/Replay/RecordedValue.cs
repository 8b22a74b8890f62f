using System.Text.Json;
using Palmyra.Diagnostics;

namespace Palmyra.Evaluation.Replay;

/// <summary>A value of a recording's JSON that knows its file and its place, so that a wrong one is named in a sentence.</summary>
internal readonly struct RecordedValue(string file, string place, JsonElement element)
{
    public string File { get; } = file;

    public string Place { get; } = place;

    public JsonElement Element { get; } = element;

    public RecordedValue Required(string key) =>
        Optional(key) ?? throw new CheckpointException($"{File}: {Inside(key)} is missing.");

    public RecordedValue? Optional(string key)
    {
        Expect(JsonValueKind.Object, "an object");
        return Element.TryGetProperty(key, out JsonElement value) ? new RecordedValue(File, Inside(key), value) : null;
    }

    public IEnumerable<RecordedValue> Items()
    {
        Expect(JsonValueKind.Array, "a list");
        int index = 0;
        foreach (JsonElement item in Element.EnumerateArray())
        {
            yield return new RecordedValue(File, $"{Place}[{index++}]", item);
        }
    }

    public string Text()
    {
        Expect(JsonValueKind.String, "a text");
        try
        {
            return Element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Wrong("a text in valid Unicode");
        }
    }

    public int Integer() =>
        Element.ValueKind == JsonValueKind.Number && Element.TryGetInt32(out int value) ? value : throw Wrong("a whole number");

    public double Number()
    {
        Expect(JsonValueKind.Number, "a number");
        return Element.GetDouble();
    }

    public int[] Integers() => [.. Items().Select(item => item.Integer())];

    public double[] Numbers() => [.. Items().Select(item => item.Number())];

    public int[][] Rows() => [.. Items().Select(item => item.Integers())];

    public CheckpointException Wrong(string expected)
    {
        string found = Element.GetRawText();
        return new CheckpointException($"{File}: {Place} was expected to be {expected}; found {(found.Length > 40 ? found[..40] + "…" : found)}.");
    }

    private string Inside(string key) => Place.Length == 0 ? key : $"{Place}.{key}";

    private void Expect(JsonValueKind kind, string expected)
    {
        if (Element.ValueKind != kind)
        {
            throw Wrong(expected);
        }
    }
}
