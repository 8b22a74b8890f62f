using System.Text.Json;
using Palmyra.Diagnostics;

namespace Palmyra.Models;

/// <summary>Typed access to the keys of a configuration object; a key of the wrong type is named.</summary>
internal readonly struct ConfigKeys(JsonElement root)
{
    public bool IsNull(string key) => root.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>Whether the key is present, be it with null.</summary>
    public bool Has(string key) => root.TryGetProperty(key, out _);

    public string? Text(string key)
    {
        if (!Find(out JsonElement value, key))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(key, "a string", value);
    }

    public bool Flag(string key, bool fallback)
    {
        if (!Find(out JsonElement value, key))
        {
            return fallback;
        }

        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(key, "true or false", value);
    }

    public int Integer(int fallback, params ReadOnlySpan<string> keys) => Find(out JsonElement value, keys) ? ToInteger(keys[0], value) : fallback;

    public int? OptionalInteger(string key) => Find(out JsonElement value, key) ? ToInteger(key, value) : null;

    public float Number(float fallback, string key)
    {
        if (!Find(out JsonElement value, key))
        {
            return fallback;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number) && float.IsFinite(number)
            ? number
            : throw Wrong(key, "a number of 32 bits", value);
    }

    /// <summary>A number or a list of numbers; absent and null mean none.</summary>
    public int[] Integers(string key)
    {
        if (!Find(out JsonElement value, key))
        {
            return [];
        }

        return value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(item => ToInteger(key, item))]
            : [ToInteger(key, value)];
    }

    /// <summary>GPT-Neo's layer kinds: <c>attention_layers</c> as it stands, or <c>attention_types</c> ([[kinds, repeats], ...]) expanded.</summary>
    public string[] AttentionKinds(int layers)
    {
        if (layers is <= 0 or > ModelConfig.LargestLayerCount)
        {
            throw new ModelConfigException($"num_layers was expected to be 1 to {ModelConfig.LargestLayerCount}; found {layers}.");
        }

        var kinds = new List<string>();
        if (Find(out JsonElement list, "attention_layers"))
        {
            kinds.AddRange(Strings("attention_layers", list));
        }
        else if (Find(out JsonElement types, "attention_types"))
        {
            if (types.ValueKind != JsonValueKind.Array)
            {
                throw Wrong("attention_types", "a list of [kinds, repeats]", types);
            }

            foreach (JsonElement entry in types.EnumerateArray())
            {
                if (entry.ValueKind != JsonValueKind.Array || entry.GetArrayLength() != 2)
                {
                    throw Wrong("attention_types", "a list of [kinds, repeats]", entry);
                }

                string[] pattern = Strings("attention_types", entry[0]);
                int repeats = ToInteger("attention_types", entry[1]);
                if (pattern.Length == 0)
                {
                    // Nothing, repeated two billion times, would keep the loop below busy for half a minute.
                    throw Wrong("attention_types", "a list of [kinds, repeats] with at least one kind", entry);
                }

                if (repeats < 0 || kinds.Count + ((long)pattern.Length * repeats) > layers)
                {
                    throw new ModelConfigException($"attention_types names more layers than num_layers = {layers}.");
                }

                for (int i = 0; i < repeats; i++)
                {
                    kinds.AddRange(pattern);
                }
            }
        }
        else
        {
            for (int i = 0; i < layers; i++)
            {
                kinds.Add(i % 2 == 0 ? "global" : "local");
            }
        }

        return kinds.Count == layers
            ? [.. kinds]
            : throw new ModelConfigException($"attention_layers was expected to name {layers} layers; found {kinds.Count}.");
    }

    // A key that is present with null counts as absent, as in transformers.
    private bool Find(out JsonElement value, params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys)
        {
            if (root.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null)
            {
                return true;
            }
        }

        value = default;
        return false;
    }

    private static string[] Strings(string key, JsonElement list) =>
        list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(item => item.GetString()!)]
            : throw Wrong(key, "a list of strings", list);

    private static int ToInteger(string key, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : throw Wrong(key, "an integer", value);

    private static ModelConfigException Wrong(string key, string expected, JsonElement found)
    {
        string text = found.GetRawText();
        return new ModelConfigException($"{key} was expected to be {expected}; found {(text.Length > 40 ? text[..40] + "…" : text)}.");
    }
}
