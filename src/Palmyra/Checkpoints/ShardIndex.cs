using System.Text.Json;
using Palmyra.Diagnostics;

namespace Palmyra.Checkpoints;

/// <summary>Reads model.safetensors.index.json and pytorch_model.bin.index.json: which file holds which tensor.</summary>
internal static class ShardIndex
{
    private const int MaxLength = 64 << 20;
    private const int MaxDepth = 16;

    /// <summary>Tensor name and the file it is in, in the index's order. Every file is a plain name: none leads out of the folder.</summary>
    /// <exception cref="CheckpointException">The index is damaged, or names a file outside its folder.</exception>
    public static OrderedDictionary<string, string> Read(ByteSource source, string path)
    {
        if (source.Length > MaxLength)
        {
            throw new CheckpointException($"{path}: the index has {source.Length} bytes; at most {MaxLength} are accepted.");
        }

        var map = new OrderedDictionary<string, string>(StringComparer.Ordinal);
        try
        {
            if (!ReadRoot(source.Slice(0, (int)source.Length), path, map))
            {
                throw new CheckpointException($"{path}: the index was expected to have an object 'weight_map'; there is none.");
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Utf8JsonReader reports text that is not valid UTF-8 or UTF-16 as InvalidOperationException.
            throw new CheckpointException($"{path}: the index is not valid JSON: {error.Message}", error);
        }

        return map;
    }

    /// <summary>Whether a name is that of a file directly in its folder.</summary>
    public static bool IsPlainName(string name) =>
        name.Length > 0 && name is not ("." or "..") && name.IndexOfAny(['/', '\\', ':', '\0']) < 0;

    private static bool ReadRoot(ReadOnlySpan<byte> bytes, string path, OrderedDictionary<string, string> map)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = MaxDepth });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new CheckpointException($"{path}: the index was expected to be a JSON object; found {reader.TokenType}.");
        }

        bool found = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            bool isMap = reader.GetString() == "weight_map";
            reader.Read();
            if (!isMap)
            {
                reader.Skip();
                continue;
            }

            if (found || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new CheckpointException($"{path}: the index was expected to have one object 'weight_map'; found two or a {reader.TokenType}.");
            }

            found = true;
            ReadMap(ref reader, path, map);
        }

        // Reading on makes the reader refuse anything but white space after the object.
        reader.Read();
        return found;
    }

    private static void ReadMap(ref Utf8JsonReader reader, string path, OrderedDictionary<string, string> map)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            string tensor = reader.GetString()!;
            reader.Read();
            string file = reader.TokenType == JsonTokenType.String
                ? reader.GetString()!
                : throw new CheckpointException($"{path}: the file of tensor '{tensor}' was expected to be a string; found {reader.TokenType}.");
            if (!IsPlainName(file))
            {
                throw new CheckpointException($"{path}: tensor '{tensor}' is said to lie in '{file}'; only files directly in the folder are read.");
            }

            if (!map.TryAdd(tensor, file))
            {
                throw new CheckpointException($"{path}: the index names tensor '{tensor}' twice.");
            }

            if (map.Count > SafetensorsReader.MaxEntries)
            {
                throw new CheckpointException($"{path}: the index names more than {SafetensorsReader.MaxEntries} tensors; no model has so many.");
            }
        }
    }
}
