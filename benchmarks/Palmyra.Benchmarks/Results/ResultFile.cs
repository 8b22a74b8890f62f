using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Palmyra.Benchmarks.Results;

/// <summary>What one run measured and on what: the JSON that runners write, and that page and chart are made from.</summary>
/// <param name="Title">What ran.</param>
/// <param name="Machine">Where.</param>
/// <param name="Rows">What was found.</param>
internal sealed record ResultFile(string Title, Machine Machine, IReadOnlyList<ResultRow> Rows)
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        IndentSize = 1,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Reads a file.</summary>
    public static ResultFile Read(string path) =>
        JsonSerializer.Deserialize<ResultFile>(File.ReadAllText(path), Format)
        ?? throw new InvalidDataException($"{path} was expected to hold results; found null.");

    /// <summary>Writes a file.</summary>
    public void Write(string path) => File.WriteAllText(path, JsonSerializer.Serialize(this, Format) + "\n");
}
