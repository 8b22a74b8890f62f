using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Cards;

/// <summary>What <c>trainer_state.json</c> records, the file that transformers' Trainer leaves in a checkpoint. What it does not say is null.</summary>
public sealed record TrainerState
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "trainer_state.json";

    // Histories of long runs have a hundred thousand lines.
    private const int MaxBytes = 64 << 20;

    /// <summary>Steps of the optimiser.</summary>
    public long? Steps { get; init; }

    /// <summary>Passes over the training data.</summary>
    public double? Epochs { get; init; }

    /// <summary>Sequences in a batch of one device.</summary>
    public long? BatchSize { get; init; }

    /// <summary>Operations of training as the Trainer counts them: 6 × parameters outside the embeddings × tokens, padding included.</summary>
    public double? Flops { get; init; }

    /// <summary>Tokens read, padding included, where the Trainer was told to count them.</summary>
    public double? Tokens { get; init; }

    /// <summary>The loss on evaluation data that was recorded last, in nats a token.</summary>
    public double? EvaluationLoss { get; init; }

    /// <summary>Reads a folder's record.</summary>
    /// <param name="folder">A model's folder.</param>
    /// <returns>The record, or null if the folder has none.</returns>
    /// <exception cref="CheckpointException">The file cannot be read, is longer than 64 MiB, or is no JSON object.</exception>
    public static TrainerState? Read(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string path = Path.Combine(folder, FileName);
        return File.Exists(path) ? Parse(SmallFile.Read(path, MaxBytes), path) : null;
    }

    /// <summary>Reads a record from UTF-8 JSON, in which the words Infinity and NaN, which Python writes, mean that there is no number.</summary>
    /// <param name="json">The text.</param>
    /// <param name="where">What to call it in messages: the file's path.</param>
    /// <exception cref="CheckpointException">It is no JSON object.</exception>
    public static TrainerState Parse(ReadOnlySpan<byte> json, string where)
    {
        try
        {
            using JsonDocument document = UnicodeJson.Parse(WithoutWordNumbers(json));
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                throw new CheckpointException($"{where}: expected a JSON object; found {root.ValueKind}.");
            }

            return new TrainerState
            {
                Steps = Count(root, "global_step"),
                Epochs = Positive(root, "epoch"),
                BatchSize = Count(root, "train_batch_size"),
                Flops = Positive(root, "total_flos"),
                Tokens = Positive(root, "num_input_tokens_seen"),
                EvaluationLoss = LastLoss(root),
            };
        }
        catch (JsonException failure)
        {
            throw new CheckpointException($"{where}: expected a JSON object; it does not parse: {failure.Message}", failure);
        }
    }

    private static long? Count(JsonElement owner, string name) =>
        Positive(owner, name) is double value && value < 1e15 && Math.Truncate(value) == value ? (long)value : null;

    // Zero is what the Trainer writes where it did not count.
    private static double? Positive(JsonElement owner, string name) =>
        owner.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number
        && value.GetDouble() is double number && number > 0 && double.IsFinite(number)
            ? number
            : null;

    private static double? LastLoss(JsonElement root)
    {
        double? last = null;
        if (root.TryGetProperty("log_history", out JsonElement history) && history.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement line in history.EnumerateArray().Where(line => line.ValueKind == JsonValueKind.Object))
            {
                last = line.TryGetProperty("eval_loss", out _) ? Positive(line, "eval_loss") : last;
            }
        }

        return last;
    }

    /// <summary>The text with null for NaN, Infinity and -Infinity wherever they are not inside a string.</summary>
    private static byte[] WithoutWordNumbers(ReadOnlySpan<byte> json)
    {
        var text = new List<byte>(json.Length);
        bool inString = false;
        for (int i = 0; i < json.Length; i++)
        {
            ReadOnlySpan<byte> rest = json[i..];
            if (inString && json[i] == '\\' && i + 1 < json.Length)
            {
                text.Add(json[i++]);
            }
            else if (json[i] == '"')
            {
                inString = !inString;
            }
            else if (!inString && json[i] is (byte)'N' or (byte)'I' or (byte)'-')
            {
                int length = rest.StartsWith("NaN"u8) ? 3 : rest.StartsWith("Infinity"u8) ? 8 : rest.StartsWith("-Infinity"u8) ? 9 : 0;
                if (length > 0)
                {
                    text.AddRange("null"u8);
                    i += length - 1;
                    continue;
                }
            }

            text.Add(json[i]);
        }

        return [.. text];
    }
}
