using System.Globalization;
using System.Text.Json;
using Palmyra.Backends;
using Palmyra.Gpu;
using Palmyra.Models;

namespace Palmyra.Cli;

/// <summary>What running a model on the gpu backend takes of the device's memory, from sizes alone: <c>inspect --memory</c>'s second part.</summary>
/// <param name="config">The model.</param>
/// <param name="stored">How its checkpoint stores a matrix; null for a preset.</param>
internal sealed class GpuMemoryCard(ModelConfig config, Func<MatrixEntries, MatrixFormat>? stored)
{
    private readonly GpuModelSize _size = new(config, stored);

    // As the checkpoint has it, then in every format.
    private (string Name, MatrixFormat? Format)[] Formats =>
    [
        .. stored is null ? Array.Empty<(string, MatrixFormat?)>() : [("stored", null)],
        .. Enum.GetValues<MatrixFormat>().Select(format => (format.ToString().ToLowerInvariant(), (MatrixFormat?)format)),
    ];

    private int[] Contexts => config.ContextLength < 4 ? [config.ContextLength] : [config.ContextLength / 4, config.ContextLength];

    public void WriteText(TextWriter output)
    {
        string[] Row(string name, Func<MatrixFormat?, string> cell) => [name, .. Formats.Select(each => cell(each.Format))];

        Columns.Write(
            output,
            "l" + new string('r', Formats.Length),
            [
                ["on a GPU", .. Formats.Select(each => each.Name)],
                Row("weights", format => Columns.Bytes(_size.WeightBytes(format))),
                Row($"working rows, {Columns.Count(_size.Rows)} tokens a step", format => Columns.Bytes(_size.WorkingBytes(_size.Rows, format))),
                .. Contexts.SelectMany(tokens => ((CacheFormat[])[CacheFormat.F32, CacheFormat.F16]).Select(cache => Row(
                    $"all, with {Columns.Count(tokens)} tokens, cache {cache.ToString().ToLowerInvariant()}",
                    format => Columns.Bytes(_size.TotalBytes(tokens, format, cache))))),
                Row($"card for {Columns.Count(config.ContextLength)} tokens, cache f32", format => CardFor(format) is int card ? $"{card} GB" : $"over {GpuCards.Sizes[^1]} GB"),
            ]);
        output.WriteLine(
            $"Computed for GPUs of up to {GpuModelSize.MostMultiprocessors} multiprocessors; fewer take no more. Of cards of "
            + $"{string.Join(", ", GpuCards.Sizes)} GB {GpuCards.CountedShare.ToString("P0", CultureInfo.InvariantCulture)} are counted, since the driver takes some.");
    }

    public void WriteJson(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteNumber("most_multiprocessors", GpuModelSize.MostMultiprocessors);
        writer.WriteNumber("working_rows", _size.Rows);
        writer.WriteStartArray("caches");
        foreach (int tokens in Contexts)
        {
            writer.WriteStartObject();
            writer.WriteNumber("tokens", tokens);
            foreach (CacheFormat cache in Enum.GetValues<CacheFormat>())
            {
                writer.WriteNumber($"{cache.ToString().ToLowerInvariant()}_bytes", _size.CacheBytes(tokens, cache));
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartArray("dtypes");
        foreach ((string name, MatrixFormat? format) in Formats)
        {
            writer.WriteStartObject();
            writer.WriteString("dtype", name);
            writer.WriteNumber("weight_bytes", _size.WeightBytes(format));
            writer.WriteNumber("working_bytes", _size.WorkingBytes(_size.Rows, format));
            writer.WriteNumber("total_bytes", Total(format));
            if (CardFor(format) is int card)
            {
                writer.WriteNumber("card_gb", card);
            }
            else
            {
                writer.WriteNull("card_gb");
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    // The most that one sequence takes: a whole context, in the widest cache.
    private long Total(MatrixFormat? format) => _size.TotalBytes(config.ContextLength, format, CacheFormat.F32);

    private int? CardFor(MatrixFormat? format) => GpuCards.Holding(Total(format));
}
