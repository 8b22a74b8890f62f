using System.Text.Json;

namespace Palmyra.Checkpoints;

/// <summary>Parses JSON whose names and texts can all be read.</summary>
/// <remarks>
/// An escape that is half a surrogate pair ("\ud800") passes <see cref="JsonDocument"/>, which throws <see cref="InvalidOperationException"/>
/// when somebody reads the text or compares a name with it, however much later.
/// </remarks>
internal static class UnicodeJson
{
    /// <summary>The document of a text.</summary>
    /// <exception cref="JsonException">
    /// It does not parse; or a name or a text is half a surrogate pair, and then the inner exception is the reader's <see cref="InvalidOperationException"/>.
    /// </exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> json, JsonDocumentOptions options = default)
    {
        JsonDocument? document = null;
        try
        {
            document = JsonDocument.Parse(json, options);
            ReadTexts(document.RootElement);
            return document;
        }
        catch (InvalidOperationException failure)
        {
            document?.Dispose();
            throw new JsonException("expected text in valid Unicode; found half a surrogate pair (\\ud800 to \\udfff).", failure);
        }
    }

    private static void ReadTexts(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                _ = value.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in value.EnumerateArray())
                {
                    ReadTexts(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (JsonProperty field in value.EnumerateObject())
                {
                    _ = field.Name;
                    ReadTexts(field.Value);
                }

                break;
            default:
                break;
        }
    }
}
