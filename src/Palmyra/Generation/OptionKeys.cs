using System.Text.Json;
using Palmyra.Diagnostics;

namespace Palmyra.Generation;

/// <summary>Typed access to the keys of a generation configuration; absent and null mean not set, a wrong type is named.</summary>
internal readonly struct OptionKeys(JsonElement root, string path)
{
    public int? Integer(string key) => Find(key, out JsonElement value) ? ToInteger(key, value) : null;

    public bool? Flag(string key)
    {
        if (!Find(key, out JsonElement value))
        {
            return null;
        }

        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(key, "true or false", value);
    }

    public float? Number(string key) => Find(key, out JsonElement value) ? ToNumber(key, value) : null;

    public TimeSpan Seconds(string key, float seconds) =>
        seconds is > 0 and < 1e9f
            ? TimeSpan.FromSeconds(seconds)
            : throw new GenerationException($"{path}: {key} was expected to be seconds between 0 and 1e9; found {seconds}.");

    /// <summary>One id or a list of ids.</summary>
    public int[]? Tokens(string key)
    {
        if (!Find(key, out JsonElement value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Array ? Integers(key, value) : [ToInteger(key, value)];
    }

    public IReadOnlyList<IReadOnlyList<int>> TokenLists(string key)
    {
        OptionKeys keys = this;
        return Find(key, out JsonElement value) ? [.. Items(key, value).Select(item => keys.Integers(key, item))] : [];
    }

    /// <summary>[[[ids], bias], ...].</summary>
    public IReadOnlyList<SequenceBias> Biases(string key)
    {
        var biases = new List<SequenceBias>();
        if (Find(key, out JsonElement value))
        {
            foreach (JsonElement pair in Items(key, value))
            {
                if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2)
                {
                    throw Wrong(key, "a list of [[ids], bias]", pair);
                }

                biases.Add(new SequenceBias(Integers(key, pair[0]), ToNumber(key, pair[1])));
            }
        }

        return biases;
    }

    /// <summary>[start, factor].</summary>
    public LengthDecay? Decay(string key)
    {
        if (!Find(key, out JsonElement value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 2
            ? new LengthDecay(ToInteger(key, value[0]), ToNumber(key, value[1]))
            : throw Wrong(key, "[start, factor]", value);
    }

    public EarlyStopping Stopping(string key)
    {
        if (!Find(key, out JsonElement value))
        {
            return EarlyStopping.Heuristic;
        }

        return value.ValueKind switch
        {
            JsonValueKind.False => EarlyStopping.Heuristic,
            JsonValueKind.True => EarlyStopping.WhenEnough,
            JsonValueKind.String when value.GetString() == "never" => EarlyStopping.Never,
            _ => throw Wrong(key, "true, false or \"never\"", value),
        };
    }

    /// <summary>One text or a list of texts.</summary>
    public IReadOnlyList<string> Texts(string key)
    {
        if (!Find(key, out JsonElement value))
        {
            return [];
        }

        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        return items.All(item => item.ValueKind == JsonValueKind.String)
            ? [.. items.Select(item => item.GetString()!)]
            : throw Wrong(key, "a text or a list of texts", value);
    }

    private bool Find(string key, out JsonElement value) => root.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;

    private IEnumerable<JsonElement> Items(string key, JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw Wrong(key, "a list", value);

    private int[] Integers(string key, JsonElement value)
    {
        OptionKeys keys = this;
        return [.. Items(key, value).Select(item => keys.ToInteger(key, item))];
    }

    private int ToInteger(string key, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : throw Wrong(key, "an integer", value);

    private float ToNumber(string key, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number) && float.IsFinite(number)
            ? number
            : throw Wrong(key, "a number", value);

    private GenerationException Wrong(string key, string expected, JsonElement found)
    {
        string text = found.GetRawText();
        return new GenerationException($"{path}: {key} was expected to be {expected}; found {(text.Length > 40 ? text[..40] + "…" : text)}.");
    }
}
