using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Palmyra.Embedding;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra embed</c>: one vector for each text, or one for each of its tokens.</summary>
internal static class EmbedCommand
{
    public static Command Create()
    {
        var texts = new Argument<string[]>("TEXT")
        {
            Description = "Texts; '-' reads a text a line from standard input.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Option<string?> file = CommandOption.File("Read texts from a file, one a line.");
        var layer = CommandOption.Value<int?>(
            "--layer", "Hidden state to take: 0 the embedding, i the input of block i, the last one after the final norm (default).", "I");
        Option<string> pooling = CommandOption.Choice(
            "--pooling", "How tokens become one vector: their mean, the last one, a mean weighted by position, or not at all.", "mean", "last", "weighted", "none");
        var normalize = CommandOption.Flag("--normalize", "Divide vectors by their length.");
        var json = CommandOption.Json("Write JSON, a line a text; otherwise numbers, a line a vector.");
        var options = new ModelOptions();
        var command = new Command("embed", "Turn texts into vectors: hidden states of a layer, pooled.")
        {
            texts, file, layer, pooling, normalize, json,
        };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            Pooling? how = parsed.GetValue(pooling) switch
            {
                "last" => Pooling.LastToken,
                "weighted" => Pooling.PositionWeightedMean,
                "none" => null,
                _ => Pooling.Mean,
            };
            bool unit = parsed.GetValue(normalize);
            if (how is null && unit)
            {
                throw new UsageException("--normalize divides one vector a text; it does not go with --pooling none.");
            }

            IReadOnlyList<string> inputs = TextInput.Many(parsed.GetValue(texts) ?? [], parsed.GetValue(file));

            // A text has a byte a token at least, and one longer than a batch runs by itself.
            long most = inputs.Sum(text => (long)Encoding.UTF8.GetByteCount(text));
            using LanguageModel model = options.Open(
                parsed,
                config => new ModelUse { Rows = (int)Math.Clamp(most, 1, Math.Max(FeatureExtractor.DefaultRowBudget, config.ContextLength)), Tokenizes = true },
                cancellation);
            int? chosen = parsed.GetValue(layer);
            if (chosen < 0 || chosen > model.Config.Layers)
            {
                throw new UsageException($"--layer was expected to be 0 to {model.Config.Layers}; found {chosen}.");
            }

            int[][] ids = [.. inputs.Select(text => model.Tokenizer.Encode(text))];
            int empty = Array.FindIndex(ids, text => text.Length == 0);
            if (empty >= 0)
            {
                throw new UsageException($"Text {empty + 1} is empty; an empty text has no vector.");
            }

            float[][] vectors = Vectors(model, ids, how, unit, chosen, cancellation);
            for (int i = 0; i < vectors.Length; i++)
            {
                Write(model, inputs[i], vectors[i], everyToken: how is null, parsed.GetValue(json));
            }

            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static float[][] Vectors(LanguageModel model, int[][] ids, Pooling? pooling, bool unit, int? layer, CancellationToken cancellation)
    {
        if (pooling is Pooling how)
        {
            using var embedder = new TextEmbedder(model.Transformer);
            return embedder.Embed(ids, how, unit, layer, cancellation);
        }

        using var extractor = new FeatureExtractor(model.Transformer);
        return extractor.Extract(ids, layer, cancellation);
    }

    private static void Write(LanguageModel model, string text, float[] values, bool everyToken, bool json)
    {
        int width = model.Config.Width;
        if (!json)
        {
            foreach (float[] row in values.Chunk(width))
            {
                Console.WriteLine(string.Join(' ', row.Select(value => value.ToString("R", CultureInfo.InvariantCulture))));
            }

            return;
        }

        Terminal.Json(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("text", text);
            writer.WriteString("backend", model.Backend.Description);
            if (everyToken)
            {
                writer.WriteStartArray("embeddings");
                foreach (float[] row in values.Chunk(width))
                {
                    writer.WriteStartArray();
                    Numbers(writer, row);
                    writer.WriteEndArray();
                }
            }
            else
            {
                writer.WriteStartArray("embedding");
                Numbers(writer, values);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }

    private static void Numbers(Utf8JsonWriter writer, float[] values)
    {
        foreach (float value in values)
        {
            writer.WriteNumberValue(value);
        }
    }
}
