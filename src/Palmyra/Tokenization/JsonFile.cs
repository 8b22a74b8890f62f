using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Tokenization;

/// <summary>Reads the JSON files of a tokenizer folder and says which file and entry is wrong when one is.</summary>
internal static class JsonFile
{
    /// <summary>Larger files are refused before they are read; the largest tokenizer files in use are about 20 MiB.</summary>
    private const int MaxBytes = 64 << 20;

    /// <summary>The bytes of a file, without a byte order mark.</summary>
    public static byte[] ReadBytes(string path)
    {
        try
        {
            return SmallFile.Read(path, MaxBytes);
        }
        catch (CheckpointException exception)
        {
            throw new TokenizationException(exception.Message, exception);
        }
    }

    /// <summary>Parses a file whose outermost value must be an object and hands it to <paramref name="read"/>.</summary>
    public static T Read<T>(string path, Func<JsonElement, T> read)
    {
        var bytes = ReadBytes(path);
        try
        {
            using var document = JsonDocument.Parse(bytes);
            Expect(path, "the outermost value", document.RootElement, JsonValueKind.Object);
            return read(document.RootElement);
        }
        catch (JsonException exception)
        {
            throw new TokenizationException($"{path} is not valid JSON ({exception.Message}); the file is damaged, fetch it again.", exception);
        }
        catch (InvalidOperationException exception)
        {
            // The framework's answer to strings whose bytes or escapes are not Unicode.
            throw new TokenizationException($"{path} holds a string that is not valid Unicode; the file is damaged, fetch it again.", exception);
        }
    }

    /// <summary>A member's value, or null when it is absent or JSON null.</summary>
    public static JsonElement? Member(JsonElement owner, string name) =>
        owner.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public static JsonElement? Object(string path, JsonElement owner, string name) => Typed(path, owner, name, JsonValueKind.Object);

    public static JsonElement? Array(string path, JsonElement owner, string name) => Typed(path, owner, name, JsonValueKind.Array);

    public static string? Text(string path, JsonElement owner, string name) => Typed(path, owner, name, JsonValueKind.String)?.GetString();

    public static bool? Flag(string path, JsonElement owner, string name)
    {
        var value = Member(owner, name);
        return value?.ValueKind switch
        {
            null => null,
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(path, $"\"{name}\"", "true or false", value.Value),
        };
    }

    /// <summary>A whole number that fits an id.</summary>
    public static int Id(string path, string what, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) ? id : throw Wrong(path, what, "a whole number of 32 bits", value);

    public static void Expect(string path, string what, JsonElement value, JsonValueKind kind)
    {
        if (value.ValueKind != kind)
        {
            throw Wrong(path, what, NameOf(kind), value);
        }
    }

    /// <summary>A token written as its text or as an object with a "content" member.</summary>
    public static string TokenContent(string path, string what, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Object => Text(path, value, "content")
            ?? throw new TokenizationException($"{path}: {what} is an object without \"content\"; it must give the token's text."),
        _ => throw Wrong(path, what, "a string or an object with \"content\"", value),
    };

    public static TokenizationException Wrong(string path, string what, string expected, JsonElement found) =>
        new($"{path}: {what} must be {expected}, found {NameOf(found.ValueKind)}; the file is damaged or of another kind.");

    private static JsonElement? Typed(string path, JsonElement owner, string name, JsonValueKind kind)
    {
        var value = Member(owner, name);
        if (value is { } present)
        {
            Expect(path, $"\"{name}\"", present, kind);
        }
        return value;
    }

    private static string NameOf(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        _ => "null",
    };
}
