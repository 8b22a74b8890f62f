using System.Text;
using Palmyra.Diagnostics;
using Palmyra.Generation;
using Palmyra.Testing;

namespace Palmyra.Tests.Generation;

/// <summary>Defaults, files and the rules options must keep.</summary>
public sealed class OptionsTests
{
    [Fact]
    public void Defaults_are_those_of_transformers()
    {
        var options = new GenerationOptions();
        Assert.Equal(
            (null, null, false, 1, 1, 1f, 50, 1f, null, 1f, 1f, 0, 1f, EarlyStopping.Heuristic),
            ((int?)options.MaxNewTokens, options.MaxLength, options.DoSample, options.NumBeams, options.NumReturnSequences, options.Temperature, options.TopK,
                options.TopP, (float?)options.MinP, options.TypicalP, options.RepetitionPenalty, options.NoRepeatNgramSize, options.LengthPenalty, options.EarlyStopping));
        options.Validate(TinyModel.Gpt2, hasTokenizer: false);
    }

    [Fact]
    public void A_generation_config_is_read()
    {
        GenerationOptions options = Parse("""
            {
              "_from_model_config": true, "do_sample": true, "temperature": 0.7, "top_k": 0, "top_p": 0.9, "min_p": null, "max_length": 77,
              "eos_token_id": [50256, 1], "pad_token_id": 2, "bos_token_id": 3, "early_stopping": "never", "bad_words_ids": [[1], [2, 3]],
              "sequence_bias": [[[4, 5], -1.5]], "exponential_decay_length_penalty": [5, 1.25], "stop_strings": "end", "max_time": 2.5,
              "suppress_tokens": [7], "forced_eos_token_id": 9, "something_new": {"deep": []}, "num_beams": 4
            }
            """);
        Assert.Equal((true, 0.7f, 0, 0.9f, null, 77), (options.DoSample, options.Temperature, options.TopK, options.TopP, (float?)options.MinP, options.MaxLength));
        Assert.Equal([50256, 1], options.EosTokenIds!);
        Assert.Equal((2, 3, EarlyStopping.Never, 4), (options.PadTokenId, options.BosTokenId, options.EarlyStopping, options.NumBeams));
        Assert.Equal([2, 3], options.BadWordsIds[1]);
        Assert.Equal([4, 5], options.SequenceBias[0].Tokens);
        Assert.Equal(-1.5f, options.SequenceBias[0].Bias);
        Assert.Equal(new LengthDecay(5, 1.25f), options.ExponentialDecayLengthPenalty);
        Assert.Equal(["end"], options.StopStrings);
        Assert.Equal(TimeSpan.FromSeconds(2.5), options.MaxTime);
        Assert.Equal([9], options.ForcedEosTokenId);
        Assert.Equal(0.5f, (options with { Temperature = 0.5f }).Temperature);
    }

    [Fact]
    public void Generation_keys_of_an_old_config_are_lifted_and_its_default_length_is_none()
    {
        GenerationOptions options = GenerationOptionsReader.ReadDirectory(Fixtures.Path("models/gpt2"));
        Assert.Null(options.MaxLength);
        Assert.Equal([0], options.EosTokenIds!);
        Assert.Equal(50, options.TopK);
    }

    [Theory]
    [InlineData("""{"temperature": "hot"}""", "temperature was expected to be a number; found \"hot\"")]
    [InlineData("""{"top_k": 1.5}""", "top_k was expected to be an integer; found 1.5")]
    [InlineData("""{"do_sample": 1}""", "do_sample was expected to be true or false")]
    [InlineData("""{"eos_token_id": [1, null]}""", "eos_token_id was expected to be an integer")]
    [InlineData("""{"early_stopping": "soon"}""", "early_stopping was expected to be true, false or \"never\"")]
    [InlineData("""{"bad_words_ids": [1]}""", "bad_words_ids was expected to be a list")]
    [InlineData("""{"sequence_bias": [[[1]]]}""", "sequence_bias was expected to be a list of [[ids], bias]")]
    [InlineData("""{"max_time": -1}""", "max_time")]
    [InlineData("[]", "JSON object")]
    [InlineData("{", "not valid JSON")]
    public void A_wrong_file_is_refused_by_name(string json, string part)
    {
        string message = Assert.Throws<GenerationException>(() => Parse(json)).Message;
        Assert.StartsWith("file.json", message, StringComparison.Ordinal);
        Assert.Contains(part, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_rule_has_its_sentence()
    {
        var options = new GenerationOptions();
        GenerationOptions sampled = options with { DoSample = true };
        (GenerationOptions Options, string Part)[] cases =
        [
            (sampled with { Temperature = 0 }, "temperature"), (sampled with { Temperature = float.NaN }, "temperature"),
            (sampled with { TopP = 0 }, "top_p"), (sampled with { TopP = 1.1f }, "top_p"), (sampled with { MinP = 2 }, "min_p"),
            (sampled with { TopK = -1 }, "top_k"), (sampled with { TypicalP = 0 }, "typical_p"), (sampled with { EpsilonCutoff = 1 }, "epsilon_cutoff"),
            (sampled with { EtaCutoff = -1 }, "eta_cutoff"), (options with { MaxNewTokens = 0 }, "max_new_tokens"), (options with { MaxLength = 0 }, "max_length"),
            (options with { MinLength = -1 }, "min_length"), (options with { MinNewTokens = 5, MaxNewTokens = 4 }, "min_new_tokens = 5"),
            (options with { MinLength = 9, MaxLength = 8 }, "min_length = 9"), (options with { NumBeams = 0 }, "num_beams"),
            (options with { NumBeams = 2, NumReturnSequences = 3 }, "num_return_sequences = 3 is more than num_beams = 2"),
            (options with { NumReturnSequences = 2 }, "greedy decoding gives one text"), (options with { RepetitionPenalty = 0 }, "repetition_penalty"),
            (options with { StopStrings = ["a"] }, "tokenizer"), (options with { BadWordsIds = [[]] }, "bad_words_ids"),
            (options with { SuppressTokens = [40] }, "token 40, outside the vocabulary of 40"), (options with { MaxTime = TimeSpan.Zero }, "max_time"),
            (options with { HiddenStateLayers = [3] }, "0 to 2"), (options with { NumBeams = 2, OutputScores = true }, "num_beams"),
        ];
        foreach ((GenerationOptions wrong, string part) in cases)
        {
            Assert.Contains(part, Assert.Throws<GenerationException>(() => wrong.Validate(TinyModel.Gpt2, hasTokenizer: false)).Message, StringComparison.Ordinal);
        }

        (options with { Temperature = 0, TopP = 0 }).Validate(TinyModel.Gpt2, hasTokenizer: false);
    }

    [Fact]
    public void Padding_is_stripped_and_added()
    {
        int[][] ids = [[0, 0, 5], [7, 0, 8]];
        Assert.Equal([[5], [7, 8]], PaddedBatch.ToSequences(ids, mask: null, padToken: 0, endTokens: [9]));
        Assert.Equal(ids, PaddedBatch.ToSequences(ids, mask: null, padToken: 0, endTokens: [0]));
        Assert.Equal(ids, PaddedBatch.ToSequences(ids, mask: null));
        Assert.Equal([[0, 5], [7, 0, 8]], PaddedBatch.ToSequences(ids, [[0, 1, 1], [1, 1, 1]]));
        Assert.Equal([[5, 9, 9], [7, 8, 1]], PaddedBatch.Pad([[5], [7, 8, 1]], padToken: 9));
        Assert.Throws<GenerationException>(() => PaddedBatch.ToSequences(ids, [[1, 1]]));
        Assert.Throws<GenerationException>(() => PaddedBatch.ToSequences(ids, [[1, 1], [1, 1]]));
        Assert.Throws<GenerationException>(() => PaddedBatch.ToSequences(ids, [[1, 1, 2], [1, 1, 1]]));
    }

    private static GenerationOptions Parse(string json) => GenerationOptionsReader.Parse(Encoding.UTF8.GetBytes(json), "file.json");
}
