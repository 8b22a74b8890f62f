using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Models;

namespace Palmyra.Cli;

/// <summary>What <c>inspect</c> prints: the hyper-parameter table as model cards of this family have it, and what follows from it.</summary>
internal sealed class InspectReport(InspectedModel model)
{
    private readonly ModelConfig _config = model.Config;
    private readonly ModelSize _size = new(model.Config);
    private readonly FlopCount? _flops = model.Preset is { Runnable: null } ? null : new FlopCount(model.Config);
    private readonly HyperParameters _table = model.Preset is ModelPreset preset ? new(preset) : new(model.Config);

    private static MatrixFormat[] Formats => Enum.GetValues<MatrixFormat>();

    public void WriteText(TextWriter output)
    {
        output.WriteLine(model.Preset is null ? model.Name : $"{model.Name}: {model.Preset.Source}");
        output.WriteLine();
        List<string[]> rows = [.. _table.Rows.Select(row => new[] { row.Name, row.Value })];
        if (model.HasWeights)
        {
            rows.Add(["stored as", $"{string.Join(", ", model.StoredTypes)} in {string.Join(", ", model.WeightFiles.Select(Path.GetFileName))}"]);
        }

        Columns.Write(output, "ll", rows);
        output.WriteLine();
        Columns.Write(output, "lrr", Formats.Select(WeightRow).Concat(Enum.GetValues<CacheFormat>().Select(CacheRow)));
        if (_flops is not null)
        {
            output.WriteLine();
            output.WriteLine($"FLOPs a token, in sequences of {Columns.Count(_flops.SequenceLength)}:");
            Columns.Write(output, "llr", Formulas(_flops).Select(row => new[] { "  " + row.Name, row.Formula, Columns.Scientific(row.Value) }));
        }

        foreach (string note in Notes())
        {
            output.WriteLine();
            output.WriteLine(note);
        }
    }

    public void WriteJson(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("name", model.Name);
        if (model.Preset is ModelPreset preset)
        {
            writer.WriteString("source", preset.Source);
            writer.WriteBoolean("runnable", preset.Runnable is not null);
            if (preset.Runnable is ModelConfig runnable && runnable != preset.Published)
            {
                writer.WriteNumber("runnable_n_parameters", new ModelSize(runnable).Parameters);
            }
        }

        writer.WriteString("family", _table.Family);
        writer.WriteNumber("n_parameters", model.Parameters);
        if (_size.ShardedParameters(HyperParameters.CardShards) is long sharded)
        {
            writer.WriteNumber("n_parameters_8_shards", sharded);
        }

        if (model.Preset?.PaddedParameterCount is long padded)
        {
            writer.WriteNumber("n_parameters_padded_vocabulary", padded);
        }

        writer.WriteNumber("n_layers", _config.Layers);
        writer.WriteNumber("d_model", _config.Width);
        writer.WriteNumber("d_ff", _config.HiddenWidth);
        writer.WriteNumber("n_heads", _config.Heads);
        writer.WriteNumber("d_head", _table.HeadDim);
        writer.WriteNumber("n_ctx", _config.ContextLength);
        writer.WriteNumber("n_vocab", _config.VocabularySize);
        writer.WriteString("position_encoding", _table.PositionEncoding);
        writer.WriteNumber("rope_dimensions", _config.RotaryDims);
        writer.WriteString("activation", _table.Activation);
        writer.WriteBoolean("tied_head", _config.TieWordEmbeddings);
        writer.WriteStartObject("weight_bytes");
        foreach (MatrixFormat format in Formats)
        {
            writer.WriteNumber(format.ToString().ToLowerInvariant(), _size.WeightBytes(format));
        }

        writer.WriteEndObject();
        writer.WriteStartObject("cache_bytes_per_token");
        foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
        {
            writer.WriteNumber(format.ToString().ToLowerInvariant(), _size.CacheBytesPerToken(format));
        }

        writer.WriteEndObject();
        if (_flops is not null)
        {
            writer.WriteStartObject("flops_per_token");
            foreach ((string name, _, double value) in Formulas(_flops))
            {
                writer.WriteNumber(name.ToLowerInvariant().Replace(",", string.Empty, StringComparison.Ordinal).Replace(' ', '_'), value);
            }

            writer.WriteEndObject();
        }

        if (model.HasWeights)
        {
            Strings(writer, "stored_types", model.StoredTypes);
            Strings(writer, "weight_files", model.WeightFiles.Select(file => Path.GetFileName(file)));
            Strings(writer, "unexpected_tensors", model.Unexpected);
        }

        Strings(writer, "notes", Notes());
        writer.WriteEndObject();
    }

    private IEnumerable<string> Notes()
    {
        if (_size.ShardedParameters(HyperParameters.CardShards) is long sharded)
        {
            yield return $"Trained over {HyperParameters.CardShards} shards by mesh-transformer-jax it counts {Columns.Count(sharded)} parameters: each shard keeps its own "
                + "copy of the norms, of fc_out's bias and of an embedding bias; a checkpoint merges them.";
        }

        if (model.Preset?.PaddedParameterCount is long padded)
        {
            yield return $"With the vocabulary padded to {Columns.Count(model.Preset.PaddedVocabularySize!.Value)} rows for training "
                + $"it counts {Columns.Count(padded)} parameters.";
        }

        if (model.Preset?.Note is string note)
        {
            yield return note;
        }

        if (model.Preset?.Runnable is ModelConfig runnable && new ModelSize(runnable).Parameters != model.Parameters)
        {
            yield return $"The runnable shape has {Columns.Count(new ModelSize(runnable).Parameters)} parameters.";
        }

        if (model.Unexpected.Count > 0)
        {
            yield return $"Tensors the model has no use for: {string.Join(", ", model.Unexpected)}.";
        }

        if (model.Preset is null && !model.HasWeights)
        {
            yield return "The folder holds no weights.";
        }
    }

    private static IEnumerable<(string Name, string Formula, double Value)> Formulas(FlopCount flops) =>
    [
        ("forward", "2N", flops.Forward),
        ("training", "6N", flops.Training),
        ("Kaplan forward", "2N' + 2Lsd, N' without embeddings", flops.KaplanForward),
        ("Kaplan training", "6N'", flops.KaplanTraining),
        ("PaLM training", "6N + 12Lsd", flops.PalmTraining),
        ("Chinchilla training", "every product, embedding included", flops.ChinchillaTraining),
        ("Narayanan training", "72Ld²(1 + s/6d + V/12Ld)", flops.NarayananTraining),
        ("Narayanan training, recomputed", "96Ld²(1 + s/6d + V/16Ld)", flops.NarayananTrainingRecomputed),
    ];

    private string[] WeightRow(MatrixFormat format)
    {
        long bytes = _size.WeightBytes(format);
        return [$"weights in {format.ToString().ToLowerInvariant()}", Columns.Count(bytes) + " B", Columns.Bytes(bytes)];
    }

    private string[] CacheRow(CacheFormat format)
    {
        long bytes = _size.CacheBytesPerToken(format);
        int context = _config.ContextLength;
        return
        [
            $"cache a token, {format.ToString().ToLowerInvariant()}",
            Columns.Count(bytes) + " B",
            $"{Columns.Bytes((double)bytes * context)} for {Columns.Count(context)}",
        ];
    }

    private static void Strings(Utf8JsonWriter writer, string name, IEnumerable<string?> values)
    {
        writer.WriteStartArray(name);
        foreach (string? value in values)
        {
            writer.WriteStringValue(value);
        }

        writer.WriteEndArray();
    }
}
