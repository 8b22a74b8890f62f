using System.Text.Json;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;

namespace Palmyra.Generation;

/// <summary>Reads a model's own generation defaults from its folder's files.</summary>
/// <remarks>
/// As transformers: <c>generation_config.json</c> if there is one, else the generation keys inside <c>config.json</c>; keys that are
/// absent, null or unknown leave the default. A call then overrides: <c>defaults with { Temperature = 0.7f }</c>.
/// </remarks>
public static class GenerationOptionsReader
{
    /// <summary>The file of a model's own generation defaults.</summary>
    internal const string FileName = "generation_config.json";

    // What old config.json files repeat though nobody chose it: with it, 20 new tokens are meant, whatever the prompt's length.
    private const int DefaultMaxLength = 20;

    // A hundred times the longest there is.
    private const int MaxBytes = 4 << 20;

    /// <summary>Reads the defaults of a model folder; transformers' defaults if neither file exists.</summary>
    /// <param name="directory">The folder.</param>
    /// <exception cref="GenerationException">A file cannot be read, is not a JSON object, or a key has the wrong type.</exception>
    public static GenerationOptions ReadDirectory(string directory)
    {
        foreach (string name in new[] { FileName, "config.json" })
        {
            string path = Path.Combine(directory, name);
            if (File.Exists(path))
            {
                return Parse(Bytes(path), path);
            }
        }

        return new GenerationOptions();
    }

    /// <summary>Reads the options of one file's content.</summary>
    /// <param name="json">UTF-8 JSON: an object.</param>
    /// <param name="path">Names the file in messages.</param>
    /// <exception cref="GenerationException">The content is not a JSON object, or a key has the wrong type.</exception>
    public static GenerationOptions Parse(ReadOnlyMemory<byte> json, string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? Read(new OptionKeys(document.RootElement, path))
                : throw new GenerationException($"{path} was expected to hold a JSON object; found {document.RootElement.ValueKind}.");
        }
        catch (JsonException exception)
        {
            throw new GenerationException($"{path} is not valid JSON at line {exception.LineNumber + 1}; save it again.", exception);
        }
        catch (InvalidOperationException exception)
        {
            // A string that is no Unicode text, found when it is taken out.
            throw new GenerationException($"{path} holds text that is not Unicode; save it again.", exception);
        }
    }

    private static byte[] Bytes(string path)
    {
        try
        {
            return SmallFile.Read(path, MaxBytes);
        }
        catch (CheckpointException failure)
        {
            throw new GenerationException(failure.Message, failure);
        }
    }

    private static GenerationOptions Read(OptionKeys keys)
    {
        var options = new GenerationOptions();
        int? maxLength = keys.Integer("max_length");
        return options with
        {
            MaxNewTokens = keys.Integer("max_new_tokens"),
            MaxLength = maxLength == DefaultMaxLength ? null : maxLength,
            MinLength = keys.Integer("min_length") ?? options.MinLength,
            MinNewTokens = keys.Integer("min_new_tokens") ?? options.MinNewTokens,
            DoSample = keys.Flag("do_sample") ?? options.DoSample,
            NumBeams = keys.Integer("num_beams") ?? options.NumBeams,
            NumReturnSequences = keys.Integer("num_return_sequences") ?? options.NumReturnSequences,
            Temperature = keys.Number("temperature") ?? options.Temperature,
            TopK = keys.Integer("top_k") ?? options.TopK,
            TopP = keys.Number("top_p") ?? options.TopP,
            MinP = keys.Number("min_p"),
            TypicalP = keys.Number("typical_p") ?? options.TypicalP,
            EpsilonCutoff = keys.Number("epsilon_cutoff") ?? options.EpsilonCutoff,
            EtaCutoff = keys.Number("eta_cutoff") ?? options.EtaCutoff,
            RepetitionPenalty = keys.Number("repetition_penalty") ?? options.RepetitionPenalty,
            EncoderRepetitionPenalty = keys.Number("encoder_repetition_penalty") ?? options.EncoderRepetitionPenalty,
            NoRepeatNgramSize = keys.Integer("no_repeat_ngram_size") ?? options.NoRepeatNgramSize,
            EncoderNoRepeatNgramSize = keys.Integer("encoder_no_repeat_ngram_size") ?? options.EncoderNoRepeatNgramSize,
            BadWordsIds = keys.TokenLists("bad_words_ids"),
            SequenceBias = keys.Biases("sequence_bias"),
            SuppressTokens = keys.Tokens("suppress_tokens") ?? [],
            BeginSuppressTokens = keys.Tokens("begin_suppress_tokens") ?? [],
            ForcedBosTokenId = keys.Integer("forced_bos_token_id"),
            ForcedEosTokenId = keys.Tokens("forced_eos_token_id") ?? [],
            RemoveInvalidValues = keys.Flag("remove_invalid_values") ?? options.RemoveInvalidValues,
            ExponentialDecayLengthPenalty = keys.Decay("exponential_decay_length_penalty"),
            LengthPenalty = keys.Number("length_penalty") ?? options.LengthPenalty,
            EarlyStopping = keys.Stopping("early_stopping"),
            RenormalizeLogits = keys.Flag("renormalize_logits") ?? options.RenormalizeLogits,
            StopStrings = keys.Texts("stop_strings"),
            MaxTime = keys.Number("max_time") is { } seconds ? keys.Seconds("max_time", seconds) : null,
            UseCache = keys.Flag("use_cache") ?? options.UseCache,
            EosTokenIds = keys.Tokens("eos_token_id"),
            PadTokenId = keys.Integer("pad_token_id"),
            BosTokenId = keys.Integer("bos_token_id"),
        };
    }
}
