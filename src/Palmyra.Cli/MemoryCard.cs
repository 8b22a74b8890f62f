using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Models;

namespace Palmyra.Cli;

/// <summary>What running a model takes on the cpu backend and on a GPU, from its shapes and the types of its tensors.</summary>
/// <param name="model">The model.</param>
/// <param name="format">The format it is to be opened in; null for its own.</param>
internal sealed class MemoryCard(InspectedModel model, MatrixFormat? format)
{
    // What a step of Generator takes by default.
    private const int PromptRows = 512;

    private readonly ModelConfig _config = RunOf(model);
    private readonly ModelSize _size = new(RunOf(model));
    private readonly LoadingMemory? _loading = model.Loading(format);

    private int Rows => Math.Min(PromptRows, _config.ContextLength);

    private long Working => _size.WorkspaceBytes(Rows, 1);

    private long Cache(CacheFormat cache) => _size.CacheBytesPerToken(cache) * _config.ContextLength;

    // A preset has no files; where nothing is asked for, its weights are 32-bit.
    private long Weights => _loading?.Resident ?? _size.WeightBytes(format ?? MatrixFormat.F32);

    private long Total => Weights + Cache(CacheFormat.F32) + Working;

    private string FormatName => format?.ToString().ToLowerInvariant() ?? (_loading is null ? "f32" : "stored");

    public void WriteText(TextWriter output)
    {
        output.WriteLine(model.Name);
        output.WriteLine();
        string context = Columns.Count(_config.ContextLength);
        var rows = Enum.GetValues<MatrixFormat>()
            .Select(each => Row($"weights in {each.ToString().ToLowerInvariant()}", _size.WeightBytes(each))).ToList();
        if (_loading is not null)
        {
            rows.Add(Row($"the files hold ({string.Join(", ", model.StoredTypes)})", _loading.Mapped));
            rows.Add(Row($"loading as {FormatName}: copied", _loading.Copied));
            rows.Add(Row("  used where the file is mapped", _loading.InPlace));
            rows.Add(Row("  peak, mapped file and copies", _loading.Peak));
        }

        foreach (CacheFormat cache in Enum.GetValues<CacheFormat>())
        {
            rows.Add(Row($"cache a token, {cache.ToString().ToLowerInvariant()}", _size.CacheBytesPerToken(cache)));
            rows.Add(Row($"  a context of {context}", Cache(cache)));
        }

        rows.AddRange(
        [
            Row("logits of a sequence", LogitsBytes),
            Row($"working rows, {Columns.Count(Rows)} tokens a step", Working),
            Row($"one sequence of {context}, weights {FormatName}, cache f32", Total),
        ]);
        Columns.Write(output, "lrr", rows);
        output.WriteLine();
        new GpuMemoryCard(_config, model.Stored).WriteText(output);
    }

    public void WriteJson(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("name", model.Name);
        writer.WriteStartObject("weight_bytes");
        foreach (MatrixFormat each in Enum.GetValues<MatrixFormat>())
        {
            writer.WriteNumber(each.ToString().ToLowerInvariant(), _size.WeightBytes(each));
        }

        writer.WriteEndObject();
        if (_loading is not null)
        {
            writer.WriteStartObject("loading");
            writer.WriteString("dtype", FormatName);
            writer.WriteNumber("mapped_bytes", _loading.Mapped);
            writer.WriteNumber("copied_bytes", _loading.Copied);
            writer.WriteNumber("in_place_bytes", _loading.InPlace);
            writer.WriteNumber("peak_bytes", _loading.Peak);
            writer.WriteEndObject();
        }

        WriteCaches(writer, "cache_bytes_per_token", _size.CacheBytesPerToken);
        WriteCaches(writer, "cache_bytes_of_context", Cache);
        writer.WriteNumber("logits_bytes", LogitsBytes);
        writer.WriteNumber("working_rows", Rows);
        writer.WriteNumber("working_bytes", Working);
        writer.WriteNumber("total_bytes", Total);
        writer.WritePropertyName("gpu");
        new GpuMemoryCard(_config, model.Stored).WriteJson(writer);
        writer.WriteEndObject();
    }

    private static void WriteCaches(Utf8JsonWriter writer, string name, Func<CacheFormat, long> bytes)
    {
        writer.WriteStartObject(name);
        foreach (CacheFormat cache in Enum.GetValues<CacheFormat>())
        {
            writer.WriteNumber(cache.ToString().ToLowerInvariant(), bytes(cache));
        }

        writer.WriteEndObject();
    }

    // A published row that does not compute is corrected in what bench and convert run.
    private static ModelConfig RunOf(InspectedModel model) =>
        model.Preset is ModelPreset preset ? ModelOptions.RunnableOf(preset) : model.Config;

    private long LogitsBytes => (long)_config.VocabularySize * sizeof(float);

    private static string[] Row(string name, long bytes) => [name, Columns.Count(bytes) + " B", Columns.Bytes(bytes)];
}
